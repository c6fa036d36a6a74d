import t from 'tap'
import type { Network, OutputName } from '../../src/model/network.js'
import { depthFor, DEPTHS, mapsOf, minimumSide, outputShape, outputsOf, requireInputSize, channelsOf, strideOf } from '../../src/model/shapes.js'
import { variantNamed } from '../../src/model/variants.js'
import { HUNDRED, networkOf, noise, startNetwork, TINY } from './run-network.js'

const CEIL = networkOf(TINY, { classes: 3 })
const PADDED = networkOf(TINY, { traits: HUNDRED })
const PYRAMID = networkOf(TINY, { pyramid: { channels: 4, stages: [2, 3, 4, 5] } })

t.test('every output has the shape foretold, from the least size on', async t => {
  for (const [name, network] of [['ceil', CEIL], ['padded', PADDED], ['pyramid', PYRAMID]] as const) {
    for (const depth of DEPTHS.filter(depth => depth !== 'fpn' || network.pyramid !== undefined)) {
      const run = await startNetwork(network, depth)
      const least = minimumSide(network, depth)
      for (const [height, width] of [[least, least], [least, least + 40], ...Array.from({ length: 34 }, (_, step) => [least + step, 66 - step])] as Array<[number, number]>) {
        if (width < least) continue
        const outputs = await run(noise(2 * height * width * 3), 2, height, width)
        const foretold = outputsOf(network, depth).map(output => [output, outputShape(network, output, 2, height, width)])
        t.same(Object.fromEntries([...outputs].map(([output, tensor]) => [output, tensor.dims])), Object.fromEntries(foretold), `${name} to ${depth}, ${height} x ${width}`)
      }
    }
  }
})

t.test('the least size of every depth, and nothing under it', async t => {
  const least = (network: Network): number[] => DEPTHS.filter(depth => depth !== 'fpn').map(depth => minimumSide(network, depth))
  t.same(least(CEIL), [1, 1, 5, 13, 29])
  t.same(least(PADDED), [1, 1, 1, 1, 1])
  t.same(least(PYRAMID), [1, 1, 1, 1, 1])
  t.equal(minimumSide(PYRAMID, 'fpn'), 1)
  requireInputSize(CEIL, 'stage5', 29, 4000)
  t.throws(() => requireInputSize(CEIL, 'stage5', 28, 4000), { code: 'image_too_small', message: /29 x 29 .* 4000 x 28/ })
  t.throws(() => requireInputSize(CEIL, 'stage3', 224, 4), { code: 'image_too_small' })
  t.throws(() => requireInputSize(PYRAMID, 'fpn', 0, 1), { code: 'image_too_small' })
})

t.test('strides and channels', async t => {
  const v39 = variantNamed('V-39-eSE')!
  const describe = (network: Network): unknown => mapsOf(network).map(map => [map, strideOf(network, map), channelsOf(network, map)])
  const stages = [['stem', 4, 128], ['stage2', 4, 256], ['stage3', 8, 512], ['stage4', 16, 768], ['stage5', 32, 1024]]
  t.same(describe(networkOf(v39)), stages)
  t.same(describe(networkOf(v39, { traits: HUNDRED })), [['stem', 2, 128], ...stages.slice(1)])
  t.same(describe(networkOf(v39, { pyramid: { channels: 256, stages: [3, 4, 5] } })), [...stages, ['p3', 8, 256], ['p4', 16, 256], ['p5', 32, 256], ['p6', 64, 256]])
})

t.test('the sizes of the published implementations at 225', async t => {
  const sides = (network: Network): Array<number | undefined> => (['stage2', 'stage3', 'stage4', 'stage5'] as const).map(stage => outputShape(network, stage, 1, 225, 225)[3])
  t.same(sides(CEIL), [57, 28, 14, 7])
  t.same(sides(PADDED), [57, 29, 15, 8])
})

t.test('the depth a set of outputs needs', async t => {
  const cases: Array<[OutputName[], string]> = [
    [['stem'], 'stem'], [['stage3', 'stem'], 'stage3'], [['stage4.gem', 'stage2'], 'stage4'], [['logits'], 'stage5'], [['logits', 'stage2'], 'stage5'],
    [['p3'], 'fpn'], [['p6', 'stage5.avg', 'logits'], 'fpn']
  ]
  for (const [outputs, depth] of cases) t.equal(depthFor(outputs), depth, outputs.join())
  t.throws(() => depthFor([]), { code: 'invalid_parameter' })
  t.throws(() => depthFor(['stage3.avg', 'stage5']), { code: 'invalid_parameter', message: /stage5.*stage3\.avg/ })
  t.throws(() => depthFor(['stage4.avg', 'p2']), { code: 'invalid_parameter' })
})

t.test('what each depth puts out', async t => {
  t.same(outputsOf(CEIL, 'stem'), ['stem', 'stem.avg', 'stem.max', 'stem.gem'])
  t.same(outputsOf(CEIL, 'stage5'), ['stem', 'stage2', 'stage3', 'stage4', 'stage5', 'stage5.avg', 'stage5.max', 'stage5.gem', 'logits'])
  t.same(outputsOf(PYRAMID, 'fpn'), ['stem', 'stage2', 'stage3', 'stage4', 'stage5', 'p2', 'p3', 'p4', 'p5', 'p6', 'stage5.avg', 'stage5.max', 'stage5.gem'])
})
