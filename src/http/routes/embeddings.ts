import type { FastifyInstance } from 'fastify'
import type { ExtractRequest } from '../../inference/extract.js'
import type { OutputName } from '../../model/network.js'
import { readInputs } from '../body/read-inputs.js'
import type { Answer, MediaType } from '../codecs/answer.js'
import { stack } from '../codecs/stack.js'
import { EMBEDDINGS_PARAMETERS, readEmbeddings, type EmbeddingsParameters } from '../parameters/embeddings.js'
import { Fields } from '../parameters/fields.js'
import { readGeometry } from '../parameters/geometry.js'
import { identify, lifeOf, negotiate, sendAnswer, sendHeld, type InferenceParts } from './inference-parts.js'

/** `POST /v1/embeddings`: images in, one pooled vector each out, in OpenAI's shape. */
export function embeddingsRoute (app: FastifyInstance, parts: InferenceParts): void {
  app.post('/v1/embeddings', async (request, reply) => {
    const type = negotiate(request)
    const submission = await readInputs(request, parts.limits)
    const digests = await parts.keys?.digests(submission.images, request.lifetime)
    const fields = new Fields(EMBEDDINGS_PARAMETERS, request.query as Record<string, unknown>, submission.fields)
    const model = parts.catalog.get(fields.text('model'))
    request.modelId = model.id
    const parameters = readEmbeddings(fields)
    const output: OutputName = `${parameters.stage}.${parameters.pool}`
    const extraction: ExtractRequest = {
      model,
      images: submission.images,
      ...readGeometry(fields, model.preprocess),
      outputs: [output],
      keepInput: false,
      ...lifeOf(request)
    }
    const identity = identify(parts, request, digests, extraction, { model: model.id, type, ...parameters })
    if (identity?.held === true) return await sendHeld(reply, identity)
    const images = await parts.extractor.extract({ ...extraction, keys: identity?.keys })
    const vectors = images.map(({ tensors }) => parameters.normalize ? normalized(tensors[output]!.data) : tensors[output]!.data)
    return await sendAnswer(parts, request, reply, answerOf(model.id, vectors, parameters, type), type, identity)
  })
}

function answerOf (model: string, vectors: Float32Array[], { dtype, encodingFormat }: EmbeddingsParameters, type: MediaType): Answer {
  if (type === 'application/json') return { kind: 'embeddings', model, dtype, encoding: encodingFormat, vectors }
  const arrays = vectors.map(data => ({ name: 'embedding', shape: [data.length], dtype: 'float32' as const, data }))
  return { kind: 'stacked', dtype, array: stack(arrays, type) }
}

/** L2 norm 1; a zero vector stays zero. */
function normalized (vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return norm === 0 ? vector : vector.map(value => value / norm)
}
