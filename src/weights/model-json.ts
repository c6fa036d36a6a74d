import Type from 'typebox'
import { DIALECT_NAMES } from '../checkpoint/dialects/dialect.js'
import type { RecogniseOptions } from '../checkpoint/recognise.js'
import { meanColour } from '../checkpoint/dialects/preprocessing.js'
import { INTERPOLATIONS, RESIZE_MODES, type Preprocess } from '../model/preprocess.js'
import { readJsonFile } from './json-file.js'
import { readVariant } from './variant-field.js'

const strict = { additionalProperties: false } as const
const Pixels = Type.Integer({ minimum: 1 })
const Triple = Type.Tuple([Type.Number(), Type.Number(), Type.Number()])
const Positive = Type.Number({ exclusiveMinimum: 0 })
const Level = Type.Integer({ minimum: 0, maximum: 255 })

const PreprocessField = Type.Object({
  normalisation: Type.Optional(Type.Object({
    range: Type.Optional(Type.Enum([1, 255])),
    channels: Type.Optional(Type.Enum(['rgb', 'bgr'])),
    mean: Type.Optional(Triple),
    std: Type.Optional(Type.Tuple([Positive, Positive, Positive]))
  }, strict)),
  geometry: Type.Optional(Type.Object({
    resize: Type.Optional(Type.Enum([...RESIZE_MODES])),
    width: Type.Optional(Pixels),
    height: Type.Optional(Pixels),
    cropPct: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    longest: Type.Optional(Pixels),
    rounding: Type.Optional(Type.Enum(['truncate', 'half-up'])),
    interpolation: Type.Optional(Type.Enum([...INTERPOLATIONS])),
    fill: Type.Optional(Type.Tuple([Level, Level, Level]))
  }, strict)),
  autoorient: Type.Optional(Type.Boolean()),
  testSize: Type.Optional(Type.Boolean())
}, strict)

const ModelJsonFile = Type.Object({
  dialect: Type.Optional(Type.Enum([...DIALECT_NAMES])),
  prefix: Type.Optional(Type.String()),
  variant: Type.Optional(Type.Unknown()),
  preprocess: Type.Optional(PreprocessField),
  labels: Type.Optional(Type.Array(Type.String())),
  license: Type.Optional(Type.String()),
  source: Type.Optional(Type.String())
}, strict)

/** What a model.json says; everything in it is optional and wins over what was recognised. */
export interface ModelJson {
  readonly recognise: RecogniseOptions
  readonly labels: readonly string[] | undefined
  readonly license: string | undefined
  /** Where the weights come from, in the words of whoever put them here. */
  readonly source: string | undefined
  /** Take the hub config's test size. */
  readonly testSize: boolean
  apply (preprocess: Preprocess): Preprocess
}

/** @throws ServiceError weights_folder naming the field that is wrong or unknown */
export function readModelJson (file: string): ModelJson {
  const { dialect, prefix, variant, preprocess = {}, labels, license, source } = readJsonFile(file, ModelJsonFile)
  return {
    recognise: { dialect, prefix, variant: variant === undefined ? undefined : readVariant(file, variant) },
    labels,
    license,
    source,
    testSize: preprocess.testSize ?? false,
    apply (base) {
      const normalisation = { ...base.normalisation, ...preprocess.normalisation }
      return {
        normalisation,
        geometry: { ...base.geometry, fill: meanColour(normalisation), ...preprocess.geometry },
        autoorient: preprocess.autoorient ?? base.autoorient
      } as Preprocess
    }
  }
}
