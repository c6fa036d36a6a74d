import t, { type Test } from 'tap'
import type { Network, Traits, VariantSpec } from '../../src/model/network.js'
import { canonicalTensors, elements } from '../../src/model/network-tensors.js'
import { networkOf, PLAIN, startNetwork, values } from './run-network.js'

// Networks small enough to compute on paper. Strides of 1, an identity stem and pixels used as they are let a block see the
// image's red values [[1, 2], [3, 4]] themselves.
const PAPER: VariantSpec = { name: 'paper', stem: [1, 1, 1], stageConvCh: [1, 1, 1, 1], stageOutCh: [1, 1, 1, 1], layerPerBlock: 2, blockPerStage: [1, 1, 1, 1], eSE: true, dw: false }
const TRAITS: Traits = { attention: 'ese', attentionBlocks: 'every', identity: 'after-first', stemStrides: [1, 1, 1], pooling: 'ceil', bnEps: 0 }
const IMAGE = Uint8Array.from([[1, 5, 0], [2, 6, 0], [3, 7, 0], [4, 8, 0]].flat())

const CENTRE = [0, 0, 0, 0, 1, 0, 0, 0, 0]
const FROM_ABOVE = [0, 1, 0, 0, 0, 0, 0, 0, 0]
const NOTHING = Array<number>(9).fill(0)

/** Norms that change nothing, and zeros, except where the case says otherwise. */
function reader (network: Network, given: Record<string, number[]>): (name: string) => Float32Array {
  const tensors = canonicalTensors(network)
  return name => {
    const values = new Float32Array(elements(tensors.get(name)!))
    if (/\.bn\.(weight|running_var)$/.test(name)) values.fill(1)
    if (given[name] !== undefined) values.set(given[name])
    return values
  }
}

const STEM = { 'stem.0.conv.weight': [...CENTRE, ...NOTHING, ...NOTHING], 'stem.1.conv.weight': CENTRE, 'stem.2.conv.weight': CENTRE }
const block = (index: number, tensors: Record<string, number[]>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(tensors).map(([name, values]) => [`stages.0.blocks.${index}.${name}`, values]))

const FIRST = block(0, {
  'conv_mid.0.conv.weight': FROM_ABOVE, // [[0, 0], [1, 2]]
  'conv_mid.1.conv.weight': CENTRE.map(value => 2 * value),
  'conv_mid.1.bn.bias': [-3], // relu(2x - 3) = [[0, 0], [0, 1]]
  'conv_concat.conv.weight': [1, 10, 100] // x + 10 l1 + 100 l2 = [[1, 2], [13, 124]]
})
const GATE = block(0, { 'attn.fc.weight': [0.1], 'attn.fc.bias': [-2] }) // mean 35 -> 1.5 -> relu6(4.5) / 6 = 0.75

async function stage2 (t: Test, network: Network, given: Record<string, number[]>): Promise<number[]> {
  const run = await startNetwork(network, 'stage2', { read: reader(network, given), normalisation: PLAIN })
  const outputs = await run(IMAGE, 1, 2, 2)
  if (network.variant.stem[2] === 1) t.same([...values(outputs, 'stem')], [1, 2, 3, 4], 'the block sees the red values')
  return [...values(outputs, 'stage2')]
}

t.test('one-shot aggregation: every layer and the input are concatenated once', async t => {
  const network = networkOf({ ...PAPER, eSE: false }, { traits: TRAITS })
  t.same(await stage2(t, network, { ...STEM, ...FIRST }), [1, 2, 13, 124])
})

t.test('effective squeeze-excitation scales a channel by the hard sigmoid of its mean', async t => {
  const network = networkOf(PAPER, { traits: TRAITS })
  t.same(await stage2(t, network, { ...STEM, ...FIRST, ...GATE }), [0.75, 1.5, 9.75, 93])
})

t.test('pooled vectors', async t => {
  const network = networkOf({ ...PAPER, eSE: false }, { traits: TRAITS })
  const run = await startNetwork(network, 'stage2', { read: reader(network, { ...STEM, ...block(0, { 'conv_concat.conv.weight': [1, 0, 0] }) }), normalisation: PLAIN })
  const outputs = await run(Uint8Array.from([0, 0, 0, 0, 0, 0, 1, 0, 0, 3, 0, 0]), 1, 2, 2)
  t.same([...values(outputs, 'stage2.avg')], [1], '(0 + 0 + 1 + 3) / 4')
  t.same([...values(outputs, 'stage2.max')], [3])
  t.ok(Math.abs(values(outputs, 'stage2.gem')[0]! - Math.cbrt(7)) < 1e-6, 'cube root of (0 + 0 + 1 + 27) / 4')
})

t.test('the identity: from the second block on the input is added after the attention', async t => {
  const variant: VariantSpec = { ...PAPER, blockPerStage: [2, 1, 1, 1] }
  const second = block(1, { 'conv_concat.conv.weight': [2, 0, 0], 'attn.fc.bias': [-1.5] }) // 2x, gate 1.5 / 6: 0.5x, and x
  const given = { ...STEM, ...FIRST, ...GATE, ...second }
  t.same(await stage2(t, networkOf(variant, { traits: TRAITS }), given), [1.125, 2.25, 14.625, 139.5])
  t.same(await stage2(t, networkOf(variant, { traits: { ...TRAITS, identity: 'none' } }), given), [0.375, 0.75, 4.875, 46.5], 'without it')
  t.same(await stage2(t, networkOf(variant, { traits: { ...TRAITS, attentionBlocks: 'last' } }), given), [1.5, 3, 19.5, 186], 'the first block without its gate')
  t.same(await stage2(t, networkOf(variant, { traits: { ...TRAITS, identity: 'same-width' } }), given), [2.625, 5.25, 19.125, 145.5], 'the first block is as wide as its input: + x there too')
})

t.test('a depthwise block narrows its input, but concatenates it as it came', async t => {
  const network = networkOf({ ...PAPER, stem: [2, 2, 2], layerPerBlock: 1, eSE: false, dw: true }, { traits: TRAITS })
  const given = {
    'stem.0.conv.weight': [...CENTRE, ...NOTHING, ...NOTHING, ...NOTHING, ...CENTRE, ...NOTHING], // red, green
    'stem.1.conv_dw.weight': [...CENTRE, ...CENTRE],
    'stem.1.conv_pw.weight': [1, 0, 0, 1],
    'stem.2.conv_dw.weight': [...CENTRE, ...CENTRE],
    'stem.2.conv_pw.weight': [1, 0, 0, 1],
    ...block(0, {
      'conv_reduction.conv.weight': [1, 2],
      'conv_mid.0.conv_dw.weight': CENTRE.map(value => 3 * value),
      'conv_mid.0.conv_pw.weight': [-1], // nothing cuts the depthwise output at 0 before this
      'conv_mid.0.bn.bias': [60], // 60 - 3 (r + 2g) = [27, 18, 9, 0]
      'conv_concat.conv.weight': [1, 1, 1]
    })
  }
  t.same(await stage2(t, network, given), [1 + 5 + 27, 2 + 6 + 18, 3 + 7 + 9, 4 + 8 + 0])
})

t.test('efficient channel attention: a convolution over neighbouring channels and a sigmoid', async t => {
  const network = networkOf({ ...PAPER, stageOutCh: [3, 1, 1, 1], layerPerBlock: 1 }, { traits: { ...TRAITS, attention: 'eca' } })
  const given = { ...STEM, ...block(0, { 'conv_concat.conv.weight': [1, 0, 2, 0, 4, 0], 'attn.conv.weight': [0.1, -0.2, 0.1] }) }
  const gates = [0 - 0.2 * 2.5 + 0.1 * 5, 0.1 * 2.5 - 0.2 * 5 + 0.1 * 10, 0.1 * 5 - 0.2 * 10].map(z => 1 / (1 + Math.exp(-z))) // means 2.5, 5, 10
  const expected = [1, 2, 4].flatMap((factor, channel) => [1, 2, 3, 4].map(value => factor * value * gates[channel]!))
  const received = await stage2(t, network, given)
  t.equal(received.length, 12)
  received.forEach((value, index) => t.ok(Math.abs(value - expected[index]!) < 1e-5, `cell ${index}: ${value}`))
})
