import t from 'tap'
import { countMacs, countParameters } from '../../src/model/cost.js'
import type { Network, Traits } from '../../src/model/network.js'
import { DEPTHS } from '../../src/model/shapes.js'
import { variantNamed } from '../../src/model/variants.js'
import { DETECTRON2, HUNDRED, networkOf, TINY } from './run-network.js'

const TIMM_B: Traits = { ...DETECTRON2, attentionBlocks: 'last' }
const builtIn = (name: string, rest: Partial<Network> = {}): Network => networkOf(variantNamed(name)!, rest)

t.test('parameters of every variant, eSE in every block', async t => {
  const published = {
    'V-19-slim-dw-eSE': 1384752, 'V-19-dw-eSE': 5518080, 'V-19-slim-eSE': 2653136, 'V-19-eSE': 10180416, 'V-39-eSE': 25184128, 'V-57-eSE': 41454912, 'V-99-eSE': 69523520
  }
  for (const [name, parameters] of Object.entries(published)) t.equal(countParameters(builtIn(name)).backbone, parameters, name)
  t.equal(countParameters(builtIn('V-27-slim', { classes: 1000 })).total, 3525736, 'V-27-slim with its head')
  // timm's own counts: ese_vovnet39b, ese_vovnet57b, vovnet39a and eca_vovnet39b, each with its head of 1,000 classes.
  t.equal(countParameters(builtIn('V-39-eSE', { traits: TIMM_B, classes: 1000 })).total, 24568936)
  t.equal(countParameters(builtIn('V-39', { classes: 1000 })).total, 22600296)
  t.equal(countParameters(builtIn('V-39', { traits: { ...TIMM_B, attention: 'eca' }, classes: 1000 })).total, 22600316)
})

// Counted by forward hooks on every convolution and linear layer of the PyTorch networks, with 1,000 classes, at 224 x 224 and 97 x 66.
const COUNTED: Array<[name: string, rest: Partial<Network>, square: number, odd: number]> = [
  ['V-19-slim-dw-eSE', { traits: TIMM_B }, 398071376, 52080864],
  ['V-19-dw-eSE', { traits: TIMM_B }, 1333489824, 173813376],
  ['V-19-slim-eSE', { traits: TIMM_B }, 1680214784, 220281792],
  ['V-19-eSE', { traits: TIMM_B }, 4121937920, 537010880],
  ['V-39-eSE', { traits: TIMM_B }, 7074193408, 913289920],
  ['V-57-eSE', { traits: TIMM_B }, 8932110336, 1140789952],
  ['V-99-eSE', { traits: TIMM_B }, 16488214528, 2066027200],
  ['V-39', {}, 7072227328, 911323840],
  ['V-39', { traits: { ...TIMM_B, attention: 'eca' } }, 7072240128, 911336640],
  ['V-27-slim', {}, 2176695296, 284551872],
  ['V-19-slim-348-eSE', { traits: HUNDRED }, 2395604816, 329253712]
]

t.test('multiply-adds', async t => {
  for (const [name, rest, square, odd] of COUNTED) {
    const network = builtIn(name, { ...rest, classes: 1000 })
    t.equal(countMacs(network, 224, 224).total, square, name)
    t.equal(countMacs(network, 97, 66).total, odd, `${name}, 97 x 66`)
  }
})

t.test('counted on paper: a network of one channel, 32 x 32', async t => {
  const variant = { ...TINY, stem: [1, 1, 1] as const, stageConvCh: [1, 1, 1, 1] as const, stageOutCh: [1, 1, 1, 1] as const, layerPerBlock: 1, blockPerStage: [1, 1, 1, 1] as const }
  const stem = 27 * 256 + 9 * 256 + 9 * 64
  const stage = (cells: number): number => (9 + 2) * cells + 1
  const backbone = [0, 64, 16, 4, 1].map(cells => cells === 0 ? stem : stage(cells))
  const until = (index: number): number => backbone.slice(0, index + 1).reduce((sum, macs) => sum + macs)
  const network = networkOf(variant, { classes: 7, pyramid: { channels: 2, stages: [4, 5] } })
  DEPTHS.filter(depth => depth !== 'fpn').forEach((depth, index) => t.equal(countMacs(network, 32, 32, depth).backbone, until(index), depth))
  t.same(countMacs(network, 32, 32), { backbone: until(4), head: 7, pyramid: (2 + 36) * 5, total: until(4) + 7 + 190 })
  t.same(countMacs(network, 31, 2), countMacs(network, 32, 32), 'a pyramid pads to 32')
  t.same(countParameters(network), { backbone: 27 + 9 + 9 + 3 * 2 + 4 * (9 + 2 + 2 * 2 + 2), head: 14, pyramid: 2 * (2 + 2 + 36 + 2), total: 51 + 68 + 14 + 84 })
  t.equal(countMacs(networkOf(variant, { traits: HUNDRED }), 32, 32, 'stem').total, (27 + 9 + 9) * 256, 'a stem of stride 2')
})
