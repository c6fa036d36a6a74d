import { InferenceSession } from 'onnxruntime-node'
import t from 'tap'
import { foldWeights } from '../../src/model/fold.js'
import { buildGraph } from '../../src/model/graph.js'
import { kaimingWeights } from '../../src/model/kaiming.js'
import type { Network } from '../../src/model/network.js'
import { writeOnnx } from '../../src/model/onnx.js'
import { DEPTHS, outputsOf } from '../../src/model/shapes.js'
import { variantNamed } from '../../src/model/variants.js'
import { IMAGENET, networkOf, noise, startNetwork, TINY, values } from './run-network.js'

const SLIM_DW = networkOf(variantNamed('V-19-slim-dw-eSE')!, { classes: 10 })
const PYRAMID: Network = networkOf(TINY, { pyramid: { channels: 4, stages: [2, 3, 4, 5] } })

/** Bit for bit; tap's own comparison takes seconds for a large map. */
function same (a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))
}

t.test('a stage asked for alone is the stage asked for with all, bit for bit', async t => {
  const image = noise(97 * 66 * 3)
  const all = await (await startNetwork(SLIM_DW, 'stage5'))(image, 1, 97, 66)
  for (const stage of ['stem', 'stage2', 'stage3', 'stage4'] as const) {
    const alone = await (await startNetwork(SLIM_DW, stage))(image, 1, 97, 66)
    t.ok(same(values(alone, stage), values(all, stage)), stage)
    t.same([...alone.keys()].sort(), outputsOf(SLIM_DW, stage).sort(), `what a graph to ${stage} puts out`)
  }
})

t.test('with a pyramid, too: it pads the image at every depth', async t => {
  const image = noise(97 * 66 * 3)
  const all = await (await startNetwork(PYRAMID, 'fpn'))(image, 1, 97, 66)
  for (const stage of ['stem', 'stage2', 'stage5'] as const) {
    t.ok(same(values(await (await startNetwork(PYRAMID, stage))(image, 1, 97, 66), stage), values(all, stage)), stage)
  }
})

t.test('a batch of N is N singles, bit for bit', async t => {
  for (const [name, network, depth] of [['V-19-slim-dw-eSE', SLIM_DW, 'stage5'], ['with a pyramid', PYRAMID, 'fpn']] as const) {
    const run = await startNetwork(network, depth)
    const size = 65 * 48 * 3
    const batch = await run(noise(3 * size), 3, 65, 48)
    for (let index = 0; index < 3; index++) {
      const single = await run(noise(3 * size).slice(index * size, (index + 1) * size), 1, 65, 48)
      for (const output of outputsOf(network, depth)) {
        const length = values(single, output).length
        t.ok(same(values(batch, output).slice(index * length, (index + 1) * length), values(single, output)), `${name}: ${output} of image ${index}`)
      }
    }
  }
})

t.test('a prefix graph holds no node and no weight of the stages behind it', async t => {
  const normalisation = { mean: [0, 0, 0], std: [1, 1, 1] }
  for (const depth of ['stem', 'stage2', 'stage3', 'stage4'] as const) {
    const { weights, nodes } = buildGraph(SLIM_DW, normalisation, depth)
    const stages = new Set([...weights, ...nodes.map(node => node.output)].flatMap(name => /^stages\.(\d)/.exec(name)?.[1] ?? []))
    t.same([...stages].sort(), ['0', '1', '2'].slice(0, DEPTHS.indexOf(depth)))
    t.notOk(weights.has('head.fc.weight'))
  }
})

t.test('only the vectors asked for are computed', async t => {
  const { nodes, outputs } = buildGraph(SLIM_DW, { mean: [0, 0, 0], std: [1, 1, 1] }, 'stage5', ['stage3', 'stage5.max'])
  t.same(outputs.map(port => port.name), ['stage3', 'stage5.max'])
  t.notOk(nodes.some(node => node.op === 'Gemm' || node.op === 'Pow' || node.output === 'stage5.avg'))
})

t.test('in half precision the body is cast at both ends, the vectors and logits are not part of it', async t => {
  const normalisation = { mean: [0, 0, 0], std: [1, 1, 1] }
  const { nodes, weights, halved, outputs } = buildGraph({ ...PYRAMID, classes: 10 }, normalisation, 'fpn', ['stem', 'p4', 'logits'], 'fp16')
  const casts = nodes.filter(({ op }) => op === 'Cast').map(({ inputs, output, attributes }) => [inputs[0], output, attributes.to])
  t.same(casts, [['input.planes', 'input.float', { int: 1 }], ['pad.padded', 'input.half', { int: 10 }], ['stem.half', 'stem', { int: 1 }], ['stage5.half', 'stage5', { int: 1 }], ['p4.half', 'p4', { int: 1 }]])
  t.same([...weights].filter(name => !halved.has(name)), ['head.fc.weight', 'head.fc.bias'])
  t.ok(outputs.every(({ type }) => type === 'float32'))
  t.equal(buildGraph(PYRAMID, normalisation, 'fpn').halved.size, 0)
})

t.test('half precision halves the file', async t => {
  const weights = foldWeights(SLIM_DW, IMAGENET, kaimingWeights(SLIM_DW, 1))
  const [full, half] = [writeOnnx(SLIM_DW, weights, 'stage4'), writeOnnx(SLIM_DW, weights, 'stage4', { precision: 'fp16' })]
  t.ok(half.length < 0.52 * full.length, `${half.length} of ${full.length}`)
})

t.test('the ONNX file says what it takes and gives, with batch, height and width free', async t => {
  const weights = foldWeights(SLIM_DW, IMAGENET, kaimingWeights(SLIM_DW, 1))
  const session = await InferenceSession.create(writeOnnx(SLIM_DW, weights, 'stage2'))
  const [input] = session.inputMetadata
  t.match(input, { name: 'image', type: 'uint8', shape: ['batch', 'height', 'width', 3] })
  t.match(session.outputMetadata.map(output => 'shape' in output ? [output.name, output.shape] : []), [
    ['stem', ['batch', 64, 'stem_height', 'stem_width']],
    ['stage2', ['batch', 112, 'stage2_height', 'stage2_width']],
    ['stage2.avg', ['batch', 112]], ['stage2.max', ['batch', 112]], ['stage2.gem', ['batch', 112]]
  ])
  const some = await InferenceSession.create(writeOnnx(SLIM_DW, weights, 'stage2', { outputs: ['stage2'] }))
  t.same(some.outputNames, ['stage2'])
})

t.test('the file is as large as its weights and some tens of kilobytes', async t => {
  const weights = foldWeights(SLIM_DW, IMAGENET, kaimingWeights(SLIM_DW, 1))
  const bytes = writeOnnx(SLIM_DW, weights, 'stage5')
  t.equal(bytes.byteOffset, 0, 'transferable: the whole buffer is the file')
  t.equal(bytes.buffer.byteLength, bytes.length)
  const over = bytes.length - [...weights.tensors.values()].reduce((sum, { length }) => sum + 4 * length, 0)
  t.ok(over > 0 && over < 40_000, `${over} bytes`)
})
