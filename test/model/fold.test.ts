import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import t from 'tap'
import { foldedValues, foldWeights, type FoldedWeights } from '../../src/model/fold.js'
import type { Network } from '../../src/model/network.js'
import { canonicalTensors, elements } from '../../src/model/network-tensors.js'
import { DETECTRON2, IMAGENET, networkOf, PLAIN, TINY } from './run-network.js'

const NETWORK = networkOf(TINY, { traits: { ...DETECTRON2, bnEps: 0.25 }, classes: 2, pyramid: { channels: 4, stages: [3, 4, 5] } })

/** Element i of every tensor is i + 1, except for those given. */
function counting (network: Network, given: Record<string, number[]> = {}): (name: string) => Float32Array {
  const tensors = canonicalTensors(network)
  return name => Float32Array.from({ length: elements(tensors.get(name)!) }, (_, index) => given[name]?.[index] ?? index + 1)
}

const NORM = { 'stem.0.bn.weight': [1, 3, 4, 5], 'stem.0.bn.bias': [0, 1, 2, 3], 'stem.0.bn.running_mean': [0, 4, 2, 1], 'stem.0.bn.running_var': [0.75, 2, 3.75, 6] }
// gamma / sqrt(variance + 0.25) = 1, 2, 2, 2

t.test('a norm folds into the convolution before it', async t => {
  const weights = foldWeights(NETWORK, PLAIN, counting(NETWORK, NORM))
  t.same([...foldedValues(weights, 'stem.0.conv.bias')], [0, 1 - 8, 2 - 4, 3 - 2], 'beta - mean * scale')
  const values = foldedValues(weights, 'stem.0.conv.weight')
  t.same([values[0], values[26], values[27], values[107]], [1, 27, 2 * 28, 2 * 108], 'channel by channel')
})

t.test('in float64, rounded once', async t => {
  const network = networkOf(TINY, { traits: { ...DETECTRON2, bnEps: 1e-5 } })
  const values = { 'stem.0.bn.weight': [0.1], 'stem.0.bn.running_var': [0.3], 'stem.0.bn.running_mean': [0.7], 'stem.0.bn.bias': [0.9] }
  const weights = foldWeights(network, PLAIN, counting(network, values))
  const { fround } = Math
  const scale = fround(0.1) / Math.sqrt(fround(0.3) + 1e-5)
  t.equal(foldedValues(weights, 'stem.0.conv.bias')[0], fround(fround(0.9) - fround(0.7) * scale))
  const first = [...foldedValues(weights, 'stem.0.conv.weight')].slice(0, 27)
  t.same(first, first.map((_, index) => fround((index + 1) * scale)))
})

t.test('in a separable unit it folds into the pointwise convolution', async t => {
  const network = networkOf({ ...TINY, dw: true }, { traits: NETWORK.traits })
  const norm = Object.fromEntries(Object.entries(NORM).map(([name, values]) => [name.replace('stem.0', 'stem.1'), values]))
  const weights = foldWeights(network, PLAIN, counting(network, norm))
  t.same([...foldedValues(weights, 'stem.1.conv_dw.weight')].slice(0, 3), [1, 2, 3], 'the depthwise one is left alone')
  t.same([...foldedValues(weights, 'stem.1.conv_pw.weight')].slice(2, 6), [3, 4, 2 * 5, 2 * 6])
  t.same([...foldedValues(weights, 'stem.1.conv_pw.bias')], [0, -7, -2, 1])
})

t.test('a BGR network takes RGB: input channels turned, mean and std with them', async t => {
  const bgr = foldWeights(NETWORK, { range: 255, channels: 'bgr', mean: [103.53, 116.28, 123.675], std: [57, 58, 59] }, counting(NETWORK, NORM))
  t.same(bgr.normalisation, { mean: [123.675, 116.28, 103.53], std: [59, 58, 57] })
  const rgb = foldedValues(foldWeights(NETWORK, PLAIN, counting(NETWORK, NORM)), 'stem.0.conv.weight')
  const turned = foldedValues(bgr, 'stem.0.conv.weight')
  for (let output = 0; output < 4; output++) {
    for (let input = 0; input < 3; input++) {
      const plane = (values: Float32Array, input: number): Float32Array => values.slice((output * 3 + input) * 9, (output * 3 + input + 1) * 9)
      t.same(plane(turned, input), plane(rgb, 2 - input))
    }
  }
})

t.test('mean and std come out in pixel units', async t => {
  const { mean, std } = foldWeights(NETWORK, IMAGENET, counting(NETWORK)).normalisation
  t.same(mean.map(value => value.toFixed(3)), ['123.675', '116.280', '103.530'])
  t.same(std.map(value => value.toFixed(3)), ['58.395', '57.120', '57.375'])
})

t.test('what has no norm is copied', async t => {
  const weights = foldWeights(NETWORK, PLAIN, counting(NETWORK))
  for (const name of ['stages.0.blocks.0.attn.fc.weight', 'stages.3.blocks.0.attn.fc.bias', 'head.fc.weight', 'head.fc.bias', 'fpn.lateral.3.weight', 'fpn.output.5.bias']) {
    const values = foldedValues(weights, name)
    t.same([values.length, values[0], values.at(-1)], [elements(canonicalTensors(NETWORK).get(name)!), 1, values.length], name)
  }
})

t.test('threads share it: a structured clone has the same buffer, offsets on cache lines, no overlap', async t => {
  const weights = foldWeights(NETWORK, PLAIN, counting(NETWORK))
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(weights)
  const clone = (receiveMessageOnPort(port2) as { message: FoldedWeights }).message
  port1.close()
  foldedValues(weights, 'head.fc.bias')[1] = 77
  t.equal(foldedValues(clone, 'head.fc.bias')[1], 77)
  let end = 0
  for (const [name, { offset, length, shape }] of weights.tensors) {
    t.ok(offset >= end && offset % 64 === 0 && elements(shape) === length, name)
    end = offset + 4 * length
  }
  t.equal(end, weights.buffer.byteLength)
})

t.test('each tensor is asked for once, and what came before may be overwritten', async t => {
  const read = counting(NETWORK)
  const asked: string[] = []
  let previous: Float32Array | undefined
  const weights = foldWeights(NETWORK, PLAIN, name => {
    asked.push(name)
    previous?.fill(NaN)
    previous = read(name)
    return previous
  })
  t.same(asked.sort(), [...canonicalTensors(NETWORK).keys()].sort())
  t.same(new Float32Array(weights.buffer), new Float32Array(foldWeights(NETWORK, PLAIN, read).buffer))
})

t.test('weights that cannot be', async t => {
  const fold = (name: string, values: number[]) => () => foldWeights(NETWORK, PLAIN, counting(NETWORK, { [name]: values }))
  t.throws(fold('stages.2.blocks.1.conv_mid.0.conv.weight', [1, NaN]), { code: 'checkpoint_mismatch', param: 'stages.2.blocks.1.conv_mid.0.conv.weight', message: /NaN at index 1/ })
  t.throws(fold('head.fc.bias', [-Infinity]), { code: 'checkpoint_mismatch', param: 'head.fc.bias' })
  t.throws(fold('stem.1.bn.running_mean', [Infinity]), { code: 'checkpoint_mismatch', param: 'stem.1.bn.running_mean' })
  t.throws(fold('stem.1.bn.running_var', [-1]), { code: 'checkpoint_mismatch', param: 'stem.1.bn.running_var' })
  t.throws(fold('stem.1.bn.running_var', [-0.25]), { code: 'checkpoint_mismatch', param: 'stem.1.bn.running_var' }, 'a division by zero')
  t.throws(() => foldWeights(NETWORK, PLAIN, () => new Float32Array(3)), { code: 'checkpoint_mismatch', message: /expected 4 values, received 3/ })
})
