import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { describeModel, type ModelDescription } from '../../src/weights/describe.js'
import { modelAt } from '../../src/weights/folder.js'
import { golden } from '../checkpoint/expected.js'
import { scratchFolder } from '../checkpoint/scratch-file.js'

interface Beside { config?: unknown, model?: unknown }

/** A golden checkpoint in a folder of its own, with a config.json and a model.json. */
function describe (t: Test, checkpoint: string, { config, model }: Beside): ModelDescription {
  const folder = scratchFolder(t)
  copyFileSync(golden(checkpoint), join(folder, checkpoint))
  const write = (name: string, content: unknown): void => {
    if (content !== undefined) writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  write('config.json', config)
  write('model.json', model)
  return describeModel(modelAt(folder))
}

const TIMM = { architecture: 'ese_vovnet39b', num_classes: 1000, label_names: ['cat', 'dog', 'owl'] }
/** The pretrained_cfg of a published hub folder. */
const PRETRAINED = {
  tag: 'ra_in1k',
  input_size: [3, 224, 224],
  test_input_size: [3, 288, 288],
  crop_pct: 0.875,
  test_crop_pct: 0.95,
  crop_mode: 'center',
  interpolation: 'bicubic',
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.25, 0.3],
  license: 'apache-2.0',
  first_conv: 'stem.0.conv',
  fixed_input_size: false
}

t.test('a hub\'s config.json says what the input looks like', t => {
  const { preprocess, labels, license } = describe(t, 'timm-b.safetensors', { config: { ...TIMM, pretrained_cfg: PRETRAINED } })
  t.same(preprocess, {
    normalisation: { range: 1, channels: 'rgb', mean: [0.5, 0.4, 0.3], std: [0.2, 0.25, 0.3] },
    geometry: { resize: 'crop', width: 224, height: 224, cropPct: 0.875, longest: undefined, rounding: 'truncate', interpolation: 'bicubic', fill: [128, 102, 77] },
    autoorient: false
  })
  t.same(labels, ['cat', 'dog', 'owl'])
  t.equal(license, 'apache-2.0')

  const test = describe(t, 'timm-b.safetensors', { config: { ...TIMM, pretrained_cfg: PRETRAINED }, model: { preprocess: { testSize: true } } })
  t.match(test.preprocess.geometry, { width: 288, height: 288, cropPct: 0.95 }, 'the test size on request')
  const flat = describe(t, 'timm-b.safetensors', { config: { architecture: 'x', input_size: [3, 96, 160], crop_mode: 'squash', interpolation: 'bilinear' } })
  t.match(flat.preprocess.geometry, { width: 160, height: 96, resize: 'stretch', interpolation: 'bilinear', cropPct: 0.875 }, 'older files have the fields at the top')
  t.match(flat.preprocess.normalisation, { mean: [0.485, 0.456, 0.406] }, 'what it leaves out stays the dialect\'s')
  const foreign = describe(t, 'timm-b.safetensors', { config: { model_type: 'bert', hidden_size: 768 } })
  t.match(foreign.preprocess.geometry, { width: 224 }, 'a config.json of something else says nothing')
  t.end()
})

t.test('model.json wins over all', t => {
  const model = {
    dialect: 'stigma-v1',
    variant: { stem: [4, 4, 6], stage_conv_ch: [4, 5, 4, 3], stage_out_ch: [6, 7, 8, 9], layer_per_block: 2, block_per_stage: [1, 1, 2, 1], eSE: false, dw: false },
    preprocess: { normalisation: { range: 255, channels: 'bgr', mean: [1, 2, 3] }, geometry: { resize: 'letterbox', width: 320 }, autoorient: true },
    labels: ['x', 'y', 'z'],
    license: 'MIT',
    source: 'a friend'
  }
  const described = describe(t, 'timm-a.pth', { config: { ...TIMM, pretrained_cfg: PRETRAINED }, model })
  t.match(described, { dialect: 'stigma-v1', labels: ['x', 'y', 'z'], license: 'MIT', source: 'a friend', network: { traits: { identity: 'after-first' }, variant: { name: 'custom' } } })
  t.same(described.preprocess, {
    normalisation: { range: 255, channels: 'bgr', mean: [1, 2, 3], std: [0.2, 0.25, 0.3] },
    geometry: { resize: 'letterbox', width: 320, height: 224, cropPct: 0.875, longest: undefined, rounding: 'truncate', interpolation: 'bicubic', fill: [3, 2, 1] },
    autoorient: true
  })
  t.end()
})

t.test('a field that is wrong is named', t => {
  const refuses = (beside: Beside, message: RegExp, code = 'weights_folder'): unknown => t.throws(() => describe(t, 'timm-b.safetensors', beside), { code, message }, String(message))
  refuses({ model: '{' }, /model\.json: cannot be read as JSON/)
  refuses({ model: [] }, /model\.json: the file must be object, received "\[\]"/)
  refuses({ model: { dialekt: 'timm-b' } }, /dialekt is not a field that is known here/)
  refuses({ model: { dialect: 'timm' } }, /dialect must be one of "timm-b".*received "\\"timm\\""/)
  refuses({ model: { variant: 'V-40' } }, /variant must be a spec or one of V-19.*"V-40"/)
  refuses({ model: { variant: { stem: [4, 4] } } }, /variant\.stem must be a list of 3/)
  refuses({ model: { variant: 'V-39-eSE' } }, /stem must be 64,64,128 as variant V-39-eSE in model\.json has it, but the tensors show 4,4,6/, 'checkpoint_mismatch')
  refuses({ model: { preprocess: { geometry: { width: 0 } } } }, /preprocess\.geometry\.width must be >= 1, received "0"/)
  refuses({ model: { preprocess: { geometry: { resize: 'zoom' } } } }, /preprocess\.geometry\.resize must be one of "crop"/)
  refuses({ model: { preprocess: { normalisation: { std: [1, 0, 1] } } } }, /preprocess\.normalisation\.std\.1 must be > 0/)
  refuses({ model: { preprocess: { normalisation: { mean: [1, 2] } } } }, /preprocess\.normalisation\.mean/)
  refuses({ model: { preprocess: { testSize: true } }, config: TIMM }, /config\.json: expected test_input_size/)
  refuses({ model: { labels: ['one'] } }, /expected 3 labels .* has 1/)
  refuses({ model: { prefix: 'elsewhere.' } }, /expected elsewhere\.stem\.0\.conv\.weight/, 'checkpoint_unrecognised')
  refuses({ config: { pretrained_cfg: { input_size: [1, 224, 224] } } }, /config\.json: pretrained_cfg\.input_size/)
  refuses({ config: { pretrained_cfg: { crop_pct: 1.5 } } }, /pretrained_cfg\.crop_pct must be <= 1/)
  refuses({ config: { pretrained_cfg: { interpolation: 'nearest' } } }, /pretrained_cfg\.interpolation must be one of "bicubic", "bilinear"/)
  refuses({ config: { pretrained_cfg: { std: [0, 1, 1] } } }, /pretrained_cfg\.std\.0 must be > 0/)
  t.end()
})
