import type { Context } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ServiceError } from '../../errors.js'
import type { ImageKeys } from '../../inference/cache/image-keys.js'
import type { Catalog } from '../../inference/catalog.js'
import type { Extractor, ExtractRequest } from '../../inference/extract.js'
import type { BodyLimits } from '../body/read-images.js'
import { MEDIA_TYPES, type Answer, type MediaType } from '../codecs/answer.js'
import type { Encoder } from '../codecs/encoder.js'
import { entityTag, namesTag } from '../entity-tag.js'

/** Told of every answer's encoding. */
export interface AnswerObserver {
  answerEncoded (answer: { model: string, trace: Context, encodeMs: number }): void
}

/** What the inference routes are built from. */
export interface InferenceParts {
  readonly catalog: Catalog
  readonly extractor: Extractor
  /** With the cache on. */
  readonly keys: ImageKeys | undefined
  readonly encoder: Encoder
  readonly observer: AnswerObserver
  readonly limits: BodyLimits
}

/** @throws ServiceError not_acceptable when Accept names none of ours */
export function negotiate (request: FastifyRequest): MediaType {
  const type = request.accepts().type([...MEDIA_TYPES])
  if (typeof type !== 'string') throw new ServiceError('not_acceptable', `Accept must allow one of ${MEDIA_TYPES.join(', ')}, received ${request.headers.accept}`, { param: 'accept' })
  return type as MediaType
}

/** What every request brings along to its images. */
export function lifeOf ({ trace, lifetime, priority, deadline, timings }: FastifyRequest): Pick<ExtractRequest, 'trace' | 'signal' | 'priority' | 'deadline' | 'timings'> {
  return { trace, signal: lifetime, priority, deadline, timings }
}

/** What an answer is known by before it is made. */
export interface Identity {
  /** Of its images' results. */
  readonly keys: readonly string[]
  readonly etag: string
  /** The client says it has this very answer. */
  readonly held: boolean
}

/**
 * With the cache on, what the answer will be known by.
 * @param digests of the images' bytes
 * @param representation what decides the answer's bytes besides the images' results
 */
export function identify ({ keys }: InferenceParts, request: FastifyRequest, digests: readonly Buffer[] | undefined, extraction: ExtractRequest, representation: unknown): Identity | undefined {
  if (keys === undefined || digests === undefined) return undefined
  const ofImages = keys.of(digests, extraction)
  const etag = entityTag(ofImages, representation, keys.exact)
  return { keys: ofImages, etag, held: namesTag(request.headers['if-none-match'], etag) }
}

/** These POSTs change nothing, so what a client holds is answered with 304, as to a GET, and not with 412. */
export async function sendHeld (reply: FastifyReply, { etag }: Identity): Promise<FastifyReply> {
  return await reply.code(304).header('etag', etag).send()
}

/** Encodes and sends; raw tensors say their shape and type in headers. */
export async function sendAnswer (parts: InferenceParts, request: FastifyRequest, reply: FastifyReply, answer: Answer, type: MediaType, identity: Identity | undefined): Promise<FastifyReply> {
  request.lifetime.throwIfAborted()
  const started = performance.now()
  if (answer.kind === 'stacked') {
    const { array, dtype } = answer
    void reply.header('x-tensor-shape', array.shape.join(',')).header('x-tensor-dtype', array.dtype === 'uint8' ? 'uint8' : dtype)
  }
  const body = await parts.encoder.encode(answer, type, request.lifetime)
  request.timings.encode = performance.now() - started
  parts.observer.answerEncoded({ model: request.modelId, trace: request.trace, encodeMs: request.timings.encode })
  if (identity !== undefined) void reply.header('etag', identity.etag) // not before the encoding: an error has no tag
  return await reply.type(type).send(body)
}
