import { invalidParameter } from '../../errors.js'
import type { MapName, Network } from '../../model/network.js'
import { mapsOf } from '../../model/shapes.js'
import type { Fields } from './fields.js'
import { GEOMETRY_PARAMETERS } from './geometry.js'

export const FEATURES_PARAMETERS = ['model', 'stages', 'dtype', 'encoding', ...GEOMETRY_PARAMETERS] as const

export const DTYPES = ['float32', 'float16'] as const
export type Dtype = typeof DTYPES[number]

/** What a features request may ask for: the network's maps, `input`, the uint8 image the network saw, and a classifier's `logits`. */
export type StageName = MapName | 'input' | 'logits'

export interface FeaturesParameters {
  readonly stages: readonly StageName[]
  readonly dtype: Dtype
  readonly encoding: 'base64' | 'list'
}

export function readFeatures (fields: Fields, network: Network): FeaturesParameters {
  const known: StageName[] = ['input', ...mapsOf(network), ...network.classes > 0 ? ['logits' as const] : []]
  return {
    stages: fields.list<StageName>('stages', known) ?? ['stage5'],
    dtype: fields.choice('dtype', DTYPES) ?? 'float32',
    encoding: fields.choice('encoding', ['base64', 'list']) ?? 'base64'
  }
}

/** Formats that hold one tensor take one stage. */
export function oneStage (stages: readonly StageName[], format: string): StageName {
  const [stage] = stages
  if (stage === undefined || stages.length > 1) throw invalidParameter('stages', `one stage for ${format}, which holds one tensor`, stages.join(','))
  return stage
}
