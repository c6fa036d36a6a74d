import t, { type Test } from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { recognise, type RecogniseOptions } from '../../src/checkpoint/recognise.js'
import { variantNamed, VARIANTS } from '../../src/model/variants.js'
import { golden, TINY } from './expected.js'
import { memorySource, osaShapes, timmShapes } from './memory-source.js'

type Shapes = Record<string, number[]>

function mismatches (t: Test, shapes: Shapes, tensor: string, options?: RecogniseOptions): void {
  t.throws(() => recognise(memorySource(shapes), options), { code: 'checkpoint_mismatch', param: tensor, message: /memory\.pth.*must be.*received/ }, tensor)
}

function unrecognised (t: Test, shapes: Shapes, message: RegExp): void {
  t.throws(() => recognise(memorySource(shapes)), { code: 'checkpoint_unrecognised', message }, String(message))
}

const without = (shapes: Shapes, name: string): Shapes => Object.fromEntries(Object.entries(shapes).filter(([key]) => key !== name))

t.test('every built-in variant is named by its shapes', t => {
  for (const variant of VARIANTS) {
    const { network, dialect } = recognise(memorySource(timmShapes(variant)))
    t.same(network.variant, variant, variant.name)
    t.equal(dialect, variant.eSE ? 'timm-b' : 'timm-a')
  }
  t.equal(recognise(memorySource(osaShapes(variantNamed('V-99-eSE')!, 'module.backbone.bottom_up.'))).network.variant.name, 'V-99-eSE')
  t.end()
})

t.test('the prefix tells who trained an OSA network', t => {
  const dialectOf = (prefix: string, extra: Shapes = {}, variant = TINY): string => recognise(memorySource({ ...osaShapes(variant, prefix), ...extra })).dialect
  t.equal(dialectOf('backbone.bottom_up.'), 'detectron2')
  t.equal(dialectOf('bottom_up.'), 'detectron2')
  t.equal(dialectOf(''), 'detectron2')
  t.equal(dialectOf('module.'), 'detectron2')
  t.equal(dialectOf('backbone.bottom_up.', {}, { ...TINY, eSE: false }), 'detectron2')
  t.equal(dialectOf('backbone.bottom_up.', { 'fcos3d_head.scales.0.scale': [1] }), 'dd3d')
  t.equal(dialectOf('img_backbone.'), 'mmdet3d')
  t.equal(dialectOf('module.img_backbone.'), 'mmdet3d')
  t.equal(dialectOf('module.backbone.body.'), 'centermask-v1')
  t.equal(dialectOf('', {}, { ...TINY, eSE: false }), 'stigma-v1')
  t.end()
})

t.test('attention is where its tensors are', t => {
  const shapes = timmShapes(TINY)
  t.equal(recognise(memorySource(shapes)).network.traits.attentionBlocks, 'every')
  const last = Object.fromEntries(Object.entries(shapes).filter(([name]) => !name.startsWith('stages.2.blocks.0.attn')))
  t.equal(recognise(memorySource(last)).network.traits.attentionBlocks, 'last')
  mismatches(t, Object.fromEntries(Object.entries(shapes).filter(([name]) => !name.startsWith('stages.1.blocks.0.attn'))), 'stages.1.blocks.0.attn.fc.weight')
  mismatches(t, without(shapes, 'stages.3.blocks.0.attn.fc.bias'), 'stages.3.blocks.0.attn.fc.bias')
  t.end()
})

t.test('a missing or misshapen tensor is named as the file names it', t => {
  const timm = timmShapes(TINY)
  const osa = osaShapes(TINY, 'img_backbone.')
  for (const name of Object.keys(timm).filter(name => name !== 'stem.0.conv.weight')) {
    mismatches(t, without(timm, name), name.replace(/(attn\.fc\.)weight/, '$1weight'))
  }
  mismatches(t, without(osa, 'img_backbone.stage4.OSA4_2.layers.1.OSA4_2_1/norm.running_var'), 'img_backbone.stage4.OSA4_2.layers.1.OSA4_2_1/norm.running_var')
  mismatches(t, without(osa, 'img_backbone.stage2.OSA2_1.concat.OSA2_1_concat/conv.weight'), 'img_backbone.stage2.OSA2_1.concat.OSA2_1_concat/conv.weight')
  mismatches(t, { ...osa, 'img_backbone.stage3.OSA3_1.ese.fc.weight': [7, 6, 1, 1] }, 'img_backbone.stage3.OSA3_1.ese.fc.weight')
  mismatches(t, { ...timm, 'stem.1.conv.weight': [4, 5, 3, 3] }, 'stem.1.conv.weight')
  mismatches(t, { ...timm, 'stem.1.conv.weight': [4, 4, 5, 5] }, 'stem.1.conv.weight')
  mismatches(t, { ...timm, 'stem.0.conv.weight': [4, 4, 3, 3] }, 'stem.0.conv.weight')
  mismatches(t, { ...timm, 'stem.0.conv.weight': [0, 3, 3, 3] }, 'stem.0.conv.weight')
  mismatches(t, { ...timm, 'stages.0.blocks.0.conv_mid.999999999.conv.weight': [4, 4, 3, 3] }, 'stages.0.blocks.0.conv_mid.2.conv.weight')
  t.equal(recognise(memorySource({ ...timm, 'stages.0.blocks.0.attn.fc.weight': [6, 6] })).network.variant.name, 'custom', 'a linear layer holds what a 1x1 convolution does')
  t.end()
})

t.test('a 1e100 file\'s blocks are told apart by their widths', t => {
  const source = openCheckpoint(golden('1e100.pt'))
  t.teardown(() => source.close())
  const shapes = Object.fromEntries([...source.tensors].map(([name, { shape }]) => [name, [...shape]]))
  t.same(recognise(memorySource(shapes)).network.variant.blockPerStage, [1, 1, 2, 1])
  mismatches(t, without(shapes, 'body.osa3.layers.1.0.weight'), 'body.osa3.layers.1.0.weight')
  mismatches(t, without(shapes, 'body.osa4.exit_conv.1.running_mean'), 'body.osa4.exit_conv.1.running_mean')
  mismatches(t, { ...shapes, 'classifier.3.weight': [3, 8] }, 'classifier.3.weight')
  t.end()
})

t.test('what is no VoVNet, or one that cannot be computed, is refused with the nearest dialect', t => {
  unrecognised(t, { 'layer1.0.conv1.weight': [64, 64, 3, 3], 'conv1.weight': [64, 3, 7, 7] }, /expected stem\.0\.conv\.weight.*found 2 tensors such as layer1.*none of its names/)
  unrecognised(t, without(osaShapes(TINY, 'encoder.'), 'encoder.stem.stem_1/conv.weight'), /nearest are mmdet3d, .*detectron2.* 99 of them, but not stem\.stem_1\/conv\.weight/)
  unrecognised(t, { ...timmShapes(TINY), 'stem.0.bn.v': [4] }, /stem\.0\.bn\.v means EvoNorm/)
  unrecognised(t, { ...osaShapes(TINY), 'stage5.OSA5_1.layers.0.OSA5_1_0/conv_offset.weight': [18, 4, 3, 3] }, /conv_offset.* deformable/)
  for (const file of ['evonorm.safetensors', 'deformable.safetensors', 'storages.pth']) {
    const source = openCheckpoint(golden(file))
    t.throws(() => recognise(source), { code: 'checkpoint_unrecognised' }, file)
    source.close()
  }
  t.end()
})

t.test('of two networks in one file a prefix chooses', t => {
  const shapes = { ...timmShapes(TINY, {}, 'student.'), ...timmShapes({ ...TINY, eSE: false }, {}, 'teacher.') }
  unrecognised(t, shapes, /found several, behind the prefixes "student\.", "teacher\."/)
  t.equal(recognise(memorySource(shapes), { prefix: 'teacher.' }).dialect, 'timm-a')
  t.throws(() => recognise(memorySource(shapes), { prefix: 'nobody.' }), { code: 'checkpoint_unrecognised' })
  t.end()
})

t.test('a variant said beforehand must be the tensors\' own', t => {
  const shapes = timmShapes(TINY)
  t.equal(recognise(memorySource(shapes), { variant: { ...TINY, name: 'ours' } }).network.variant.name, 'ours')
  for (const [param, wrong] of Object.entries({ stem: [4, 4, 8], blockPerStage: [1, 1, 1, 1], layerPerBlock: 3, eSE: false, dw: true })) {
    t.throws(() => recognise(memorySource(shapes), { variant: { ...TINY, [param]: wrong } }), { code: 'checkpoint_mismatch', param }, param)
  }
  t.end()
})

t.test('a pyramid is served where all of it is there', t => {
  const prefix = 'backbone.bottom_up.'
  const fpn = (levels: number[], channels = 4): Shapes => Object.fromEntries(levels.flatMap(level => [
    [`backbone.fpn_lateral${level}.weight`, [channels, TINY.stageOutCh[level - 2]!, 1, 1]], [`backbone.fpn_lateral${level}.bias`, [channels]],
    [`backbone.fpn_output${level}.weight`, [channels, channels, 3, 3]], [`backbone.fpn_output${level}.bias`, [channels]]
  ]))
  const backbone = osaShapes(TINY, prefix)
  t.same(recognise(memorySource({ ...backbone, ...fpn([2, 3, 4, 5]) })).network.pyramid, { channels: 4, stages: [2, 3, 4, 5] })
  t.same(recognise(memorySource({ ...backbone, ...fpn([3, 4, 5]) })).network.pyramid, { channels: 4, stages: [3, 4, 5] })
  t.equal(recognise(memorySource({ ...backbone, ...fpn([2, 4, 5]) })).network.pyramid, undefined, 'a gap')
  t.equal(recognise(memorySource({ ...backbone, ...fpn([3, 4, 5]), 'backbone.fpn_lateral3.norm.weight': [4] })).network.pyramid, undefined, 'norms')
  const lite = recognise(memorySource({ ...backbone, ...fpn([3, 4, 5], 128) }))
  t.match(lite.preprocess.geometry, { width: 600, longest: 1000 }, 'a Lite detector\'s size')
  mismatches(t, without({ ...backbone, ...fpn([3, 4, 5]) }, 'backbone.fpn_output4.bias'), 'backbone.fpn_output4.bias')

  const top = { 'backbone.top_block.p6.weight': [4, 4, 3, 3], 'backbone.top_block.p6.bias': [4] }
  t.same(recognise(memorySource({ ...backbone, ...fpn([3, 4, 5]), ...top })).network.pyramid, { channels: 4, stages: [3, 4, 5], top: 'conv' })
  t.end()
})

t.test('pixel_mean and pixel_std in the file win', t => {
  const normalisationOf = (mean: number[], std: number[]): unknown => {
    const shapes = { ...osaShapes(TINY), pixel_mean: [mean.length, 1, 1], pixel_std: [std.length, 1, 1] }
    return recognise(memorySource(shapes, { pixel_mean: mean, pixel_std: std })).preprocess.normalisation
  }
  const assumed = { range: 255, channels: 'bgr', mean: [103.53, 116.28, 123.675], std: [1, 1, 1] }
  t.same(normalisationOf([103.53, 116.28, 123.675], [57.375, 57.12, 58.395]), { ...assumed, std: [57.375, 57.12, 58.395] })
  t.same(normalisationOf([123.675, 116.28, 103.53], [1, 1, 1]), { ...assumed, channels: 'rgb', mean: [123.675, 116.28, 103.53] }, 'a falling mean is in RGB order')
  t.same(normalisationOf([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]), { ...assumed, range: 1, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, 'levels from 0 to 1')
  t.same(normalisationOf([127.5, 127.5, 127.5], [127.5, 127.5, 127.5]), { ...assumed, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] })
  t.same(normalisationOf([1, 2, 3], [1, 0, 1]), assumed, 'a standard deviation of zero is none')
  t.same(normalisationOf([1, 2], [1, 1, 1]), assumed, 'two channels are no colour')
  t.same(normalisationOf([1, NaN, 3], [1, 1, 1]), assumed, 'nor is NaN')
  t.end()
})
