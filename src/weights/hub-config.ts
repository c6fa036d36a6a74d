import Type from 'typebox'
import { INTERPOLATIONS, type Geometry, type Preprocess } from '../model/preprocess.js'
import { meanColour } from '../checkpoint/dialects/preprocessing.js'
import { readJsonFile } from './json-file.js'
import { weightsError } from './weights-error.js'

const Triple = Type.Tuple([Type.Number(), Type.Number(), Type.Number()])
const Size = Type.Tuple([Type.Literal(3), Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })])
const Positive = Type.Number({ exclusiveMinimum: 0 })
const CropPct = Type.Number({ exclusiveMinimum: 0, maximum: 1 })

const PretrainedCfg = Type.Object({
  input_size: Type.Optional(Size),
  test_input_size: Type.Optional(Size),
  crop_pct: Type.Optional(CropPct),
  test_crop_pct: Type.Optional(CropPct),
  crop_mode: Type.Optional(Type.Enum(['center', 'squash'])),
  interpolation: Type.Optional(Type.Enum([...INTERPOLATIONS])),
  mean: Type.Optional(Triple),
  std: Type.Optional(Type.Tuple([Positive, Positive, Positive])),
  license: Type.Optional(Type.String())
})

/** A hub's config.json as timm writes it: `pretrained_cfg` inside, or its fields at the top in older files. Others' fields are left alone. */
const HubConfigFile = Type.Intersect([
  PretrainedCfg,
  Type.Object({ pretrained_cfg: Type.Optional(PretrainedCfg), label_names: Type.Optional(Type.Array(Type.String())) })
])

export interface HubConfig {
  readonly labels: readonly string[] | undefined
  readonly license: string | undefined
  /** Lays what the file says over a preprocessing. `testSize` takes the larger size timm evaluates at. */
  apply (preprocess: Preprocess, testSize: boolean): Preprocess
}

/** @throws ServiceError weights_folder naming the field that is wrong */
export function readHubConfig (file: string): HubConfig {
  const config = readJsonFile(file, HubConfigFile)
  const cfg = config.pretrained_cfg ?? config
  return {
    labels: config.label_names,
    license: cfg.license,
    apply (preprocess, testSize) {
      const size = testSize ? cfg.test_input_size : cfg.input_size
      if (testSize && size === undefined) throw weightsError(file, 'expected test_input_size, as model.json asks for the test size, found none')
      const cropPct = (testSize ? cfg.test_crop_pct : undefined) ?? cfg.crop_pct
      return overlay(preprocess, {
        ...(size === undefined ? {} : { height: size[1], width: size[2] }),
        ...(cropPct === undefined ? {} : { cropPct }),
        ...(cfg.crop_mode === undefined ? {} : { resize: cfg.crop_mode === 'squash' ? 'stretch' : 'crop' }),
        ...(cfg.interpolation === undefined ? {} : { interpolation: cfg.interpolation })
      }, cfg)
    }
  }
}

function overlay (preprocess: Preprocess, geometry: Partial<Geometry>, { mean, std }: { mean?: [number, number, number], std?: [number, number, number] }): Preprocess {
  // timm's mean and std are always RGB in 0..1, whatever the dialect's own are.
  const normalisation = mean === undefined || std === undefined
    ? preprocess.normalisation
    : { range: 1 as const, channels: 'rgb' as const, mean, std }
  return { ...preprocess, normalisation, geometry: { ...preprocess.geometry, ...geometry, fill: meanColour(normalisation) } }
}
