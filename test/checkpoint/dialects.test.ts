import t from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { recognise } from '../../src/checkpoint/recognise.js'
import type { TensorSource } from '../../src/checkpoint/tensor-source.js'
import type { Network, Traits, VariantSpec } from '../../src/model/network.js'
import { canonicalTensors } from '../../src/model/network-tensors.js'
import type { Preprocess } from '../../src/model/preprocess.js'
import { expectedValues, golden, TINY } from './expected.js'

interface Expected {
  file: string
  format: TensorSource['format']
  wrappers?: string[]
  dialect: string
  prefix: string
  traits?: Partial<Traits>
  variant?: Partial<VariantSpec>
  classes?: number
  pyramid?: Network['pyramid']
  unused?: string[]
  /** ImageNet's unless given. */
  normalisation?: Partial<Preprocess['normalisation']>
  geometry: Partial<Preprocess['geometry']>
}

const CLASSIFIER = 3
const CROP = { resize: 'crop', width: 224, height: 224, cropPct: 0.875 } as const
const BGR = { range: 255, channels: 'bgr' } as const

const FILES: Expected[] = [
  { file: 'timm-b.safetensors', format: 'safetensors', dialect: 'timm-b', prefix: '', traits: { attentionBlocks: 'last' }, classes: CLASSIFIER, geometry: { ...CROP, interpolation: 'bicubic' } },
  { file: 'timm-b-half.safetensors', format: 'safetensors', dialect: 'timm-b', prefix: '', traits: { attentionBlocks: 'last' }, classes: CLASSIFIER, geometry: CROP },
  { file: 'timm-b-ema.pth.tar', format: 'torch-legacy', wrappers: ['state_dict_ema'], dialect: 'timm-b', prefix: '', traits: { attentionBlocks: 'last' }, classes: CLASSIFIER, geometry: CROP },
  { file: 'timm-b-dw.bin', format: 'torch-legacy', dialect: 'timm-b', prefix: '', variant: { dw: true, blockPerStage: [1, 1, 1, 1] }, classes: CLASSIFIER, geometry: CROP },
  { file: 'timm-a.pth', format: 'torch-legacy', dialect: 'timm-a', prefix: '', traits: { attention: 'none', attentionBlocks: 'last', identity: 'none' }, variant: { eSE: false }, classes: CLASSIFIER, geometry: CROP },
  { file: 'timm-eca.pth', format: 'torch-zip', dialect: 'timm-eca', prefix: '', traits: { attention: 'eca', attentionBlocks: 'last' }, variant: { eSE: false }, classes: CLASSIFIER, geometry: CROP },
  {
    file: 'detectron2-fpn.pth',
    format: 'torch-zip',
    wrappers: ['model'],
    dialect: 'detectron2',
    prefix: 'backbone.bottom_up.',
    pyramid: { channels: 4, stages: [2, 3, 4, 5] },
    unused: ['pixel_mean', 'pixel_std', 'roi_heads.box_predictor.cls_score.bias'],
    normalisation: { range: 255, channels: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
    geometry: { resize: 'short-edge', width: 800, height: 800, longest: 1333, rounding: 'half-up', interpolation: 'bilinear', fill: [124, 116, 104] }
  },
  { file: 'detectron2-p2.pkl', format: 'pickle', wrappers: ['model'], dialect: 'detectron2', prefix: 'backbone.bottom_up.', normalisation: { ...BGR, mean: [103.53, 116.28, 123.675], std: [1, 1, 1] }, geometry: { resize: 'short-edge', longest: 1333, fill: [124, 116, 104] } },
  { file: 'detectron2-p5.pkl', format: 'pickle', wrappers: ['model'], dialect: 'detectron2', prefix: 'backbone.bottom_up.', normalisation: BGR, geometry: { resize: 'short-edge' } },
  { file: 'detectron2-dw.pth', format: 'torch-zip', dialect: 'detectron2', prefix: '', variant: { dw: true }, normalisation: BGR, geometry: { resize: 'short-edge' } },
  { file: 'mmdet3d.pth', format: 'torch-legacy', wrappers: ['state_dict'], dialect: 'mmdet3d', prefix: 'img_backbone.', unused: ['pts_bbox_head.code_weights'], normalisation: { ...BGR, std: [57.375, 57.12, 58.395] }, geometry: { resize: 'none' } },
  { file: 'centermask-v1.pth', format: 'torch-legacy', wrappers: ['model'], dialect: 'centermask-v1', prefix: 'module.backbone.body.', traits: { bnEps: 0 }, normalisation: { ...BGR, mean: [102.9801, 115.9465, 122.7717] }, geometry: { resize: 'short-edge', longest: 1333, rounding: 'truncate' } },
  { file: 'stigma-v1.pth.tar', format: 'torch-zip', wrappers: ['state_dict'], dialect: 'stigma-v1', prefix: 'module.', traits: { attention: 'none', attentionBlocks: 'last' }, variant: { eSE: false }, classes: CLASSIFIER, geometry: { ...CROP, interpolation: 'bilinear' } },
  { file: '1e100.pt', format: 'torch-zip', dialect: '1e100', prefix: '', traits: { stemStrides: [2, 1, 1], pooling: 'padded' }, classes: CLASSIFIER, geometry: { ...CROP, interpolation: 'bilinear' } }
]

const TRAITS: Traits = { attention: 'ese', attentionBlocks: 'every', identity: 'after-first', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 }
const IMAGENET = { range: 1, channels: 'rgb', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

for (const expected of FILES) {
  t.test(`${expected.file} is ${expected.dialect}, and every tensor of it is read as it was written`, t => {
    const source = openCheckpoint(golden(expected.file))
    t.teardown(() => source.close())
    t.equal(source.format, expected.format)
    t.same(source.wrappers, expected.wrappers ?? [])

    const { network, canonical, ...recognised } = recognise(source)
    t.equal(recognised.dialect, expected.dialect)
    t.same(network.variant, { ...TINY, ...expected.variant })
    t.same(network.traits, { ...TRAITS, ...expected.traits })
    t.equal(network.classes, expected.classes ?? 0)
    t.same(network.pyramid, expected.pyramid)
    t.same(recognised.unused, expected.unused ?? [])
    t.match(recognised.preprocess, { normalisation: expected.normalisation ?? IMAGENET, geometry: expected.geometry })

    const tensors = canonicalTensors(network)
    t.same([...canonical.keys()], [...tensors.keys()], 'every tensor of the network is found')
    for (const [name, shape] of tensors) {
      const stored = canonical.get(name)!
      t.ok(stored.startsWith(expected.prefix) || name.startsWith('fpn.'), `${stored} has the prefix`)
      t.same(source.read(stored), expectedValues(name, shape), stored)
    }
    t.end()
  })
}

t.test('what the tensors cannot tell can be said beforehand', t => {
  const source = openCheckpoint(golden('timm-a.pth'))
  t.teardown(() => source.close())
  const { dialect, network } = recognise(source, { dialect: 'stigma-v1' })
  t.equal(dialect, 'stigma-v1')
  t.equal(network.traits.identity, 'after-first', 'weights of VoVNet.pytorch under timm\'s names keep their identity')
  t.end()
})
