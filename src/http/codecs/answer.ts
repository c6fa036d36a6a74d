import type { SourceInfo, SourceMapping } from '../../image/image.js'
import { asDtype, bytesOf, type NamedArray } from './array.js'
import { base64Of, listOf } from './json-values.js'
import { encodeNpy } from './npy.js'

export const MEDIA_TYPES = ['application/json', 'application/x-npy', 'application/octet-stream'] as const
export type MediaType = typeof MEDIA_TYPES[number]

export interface FeaturesAnswer {
  readonly kind: 'features'
  readonly model: string
  readonly encoding: 'base64' | 'list'
  readonly dtype: 'float32' | 'float16'
  readonly images: ReadonlyArray<{
    readonly source: SourceInfo
    readonly input: { readonly width: number, readonly height: number }
    readonly geometry: SourceMapping
    readonly features: ReadonlyArray<{ readonly array: NamedArray, readonly stride: number | null }>
  }>
}

export interface EmbeddingsAnswer {
  readonly kind: 'embeddings'
  readonly model: string
  readonly encoding: 'float' | 'base64'
  readonly dtype: 'float32' | 'float16'
  readonly vectors: readonly Float32Array[]
}

/** Arrays for the formats that hold one tensor: all images stacked, `[N, ...]`. */
export interface StackedAnswer {
  readonly kind: 'stacked'
  readonly dtype: 'float32' | 'float16'
  readonly array: NamedArray
}

export type Answer = FeaturesAnswer | EmbeddingsAnswer | StackedAnswer

/** The answer's bytes in a media type; pure and synchronous, run in a thread for large answers. */
export function encodeAnswer (answer: Answer, type: MediaType): Buffer {
  if (answer.kind === 'stacked') {
    const array = asDtype(answer.array, answer.dtype)
    return type === 'application/x-npy' ? encodeNpy(array) : bytesOf(array)
  }
  return Buffer.from(JSON.stringify(answer.kind === 'features' ? featuresJson(answer) : embeddingsJson(answer)))
}

function featuresJson ({ model, images, dtype, encoding }: FeaturesAnswer): unknown {
  const write = encoding === 'list' ? listOf : base64Of
  return {
    model,
    images: images.map(image => ({
      ...image,
      features: Object.fromEntries(image.features.map(({ array, stride }) => {
        const typed = asDtype(array, dtype)
        return [array.name, { shape: array.shape, stride, dtype: typed.dtype, data: write(typed) }]
      }))
    }))
  }
}

/** OpenAI's shape. Images have no tokens: the usage counts are 0. */
function embeddingsJson ({ model, vectors, dtype, encoding }: EmbeddingsAnswer): unknown {
  const write = encoding === 'base64' ? base64Of : listOf
  return {
    object: 'list',
    data: vectors.map((data, index) => {
      const array = asDtype({ name: 'embedding', shape: [data.length], dtype: 'float32', data }, dtype)
      return { object: 'embedding', index, embedding: write(array) }
    }),
    model,
    usage: { prompt_tokens: 0, total_tokens: 0 }
  }
}
