import { POOLS, STAGES, type Pool, type Stage } from '../../model/network.js'
import { DTYPES, type Dtype } from './features.js'
import type { Fields } from './fields.js'
import { GEOMETRY_PARAMETERS } from './geometry.js'

export const EMBEDDINGS_PARAMETERS = ['model', 'stage', 'pool', 'normalize', 'dtype', 'encoding_format', 'user', ...GEOMETRY_PARAMETERS] as const

export interface EmbeddingsParameters {
  readonly stage: Stage
  readonly pool: Pool
  /** Divide by the L2 norm. */
  readonly normalize: boolean
  readonly dtype: Dtype
  readonly encodingFormat: 'float' | 'base64'
}

export function readEmbeddings (fields: Fields): EmbeddingsParameters {
  return {
    stage: fields.choice('stage', STAGES) ?? 'stage5',
    pool: fields.choice('pool', POOLS) ?? 'avg',
    normalize: fields.boolean('normalize') ?? true,
    dtype: fields.choice('dtype', DTYPES) ?? 'float32',
    encodingFormat: fields.choice('encoding_format', ['float', 'base64']) ?? 'float'
  }
}
