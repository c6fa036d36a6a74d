import type { FastifyReply, FastifyRequest } from 'fastify'
import { ServiceError } from '../../errors.js'
import type { Catalog } from '../../inference/catalog.js'
import type { Extractor } from '../../inference/extract.js'
import type { Metrics } from '../../metrics.js'
import type { BodyLimits } from '../body/read-images.js'
import { MEDIA_TYPES, type Answer, type MediaType } from '../codecs/answer.js'
import type { Encoder } from '../codecs/encoder.js'

/** What the inference routes are built from. */
export interface InferenceParts {
  readonly catalog: Catalog
  readonly extractor: Extractor
  readonly encoder: Encoder
  readonly metrics: Metrics
  readonly limits: BodyLimits
}

/** @throws ServiceError not_acceptable when Accept names none of ours */
export function negotiate (request: FastifyRequest): MediaType {
  const type = request.accepts().type([...MEDIA_TYPES])
  if (typeof type !== 'string') throw new ServiceError('not_acceptable', `Accept must allow one of ${MEDIA_TYPES.join(', ')}, received ${request.headers.accept}`, { param: 'accept' })
  return type as MediaType
}

/** Encodes and sends; raw tensors say their shape and type in headers. */
export async function sendAnswer (parts: InferenceParts, request: FastifyRequest, reply: FastifyReply, answer: Answer, type: MediaType): Promise<FastifyReply> {
  request.lifetime.throwIfAborted()
  const started = performance.now()
  if (answer.kind === 'stacked') {
    const { array, dtype } = answer
    void reply.header('x-tensor-shape', array.shape.join(',')).header('x-tensor-dtype', array.dtype === 'uint8' ? 'uint8' : dtype)
  }
  const body = await parts.encoder.encode(answer, type, request.lifetime)
  request.timings.encode = performance.now() - started
  parts.metrics.phaseDuration.observe({ model: request.modelId, phase: 'encode' }, request.timings.encode / 1000)
  return await reply.type(type).send(body)
}
