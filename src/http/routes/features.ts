import type { FastifyInstance } from 'fastify'
import { invalidParameter } from '../../errors.js'
import type { ExtractRequest } from '../../inference/extract.js'
import type { Extracted } from '../../inference/extracted.js'
import type { LoadedModel } from '../../weights/load.js'
import { strideOf } from '../../model/shapes.js'
import { readImages } from '../body/read-images.js'
import type { NamedArray } from '../codecs/array.js'
import type { Answer } from '../codecs/answer.js'
import { stack } from '../codecs/stack.js'
import { FEATURES_PARAMETERS, oneStage, readFeatures, type FeaturesParameters, type StageName } from '../parameters/features.js'
import { Fields } from '../parameters/fields.js'
import { readGeometry } from '../parameters/geometry.js'
import { identify, lifeOf, negotiate, sendAnswer, sendHeld, type InferenceParts } from './inference-parts.js'

/** `POST /v1/features`: images in, the asked stages' maps out. */
export function featuresRoute (app: FastifyInstance, parts: InferenceParts): void {
  app.post('/v1/features', async (request, reply) => {
    const type = negotiate(request)
    const submission = await readImages(request, parts.limits)
    const digests = await parts.keys?.digests(submission.images, request.lifetime)
    const fields = new Fields(FEATURES_PARAMETERS, request.query as Record<string, unknown>, submission.fields)
    const model = parts.catalog.get(fields.text('model'))
    request.modelId = model.id
    const parameters = readFeatures(fields, model.network)
    if (type !== 'application/json') oneStage(parameters.stages, type)
    if (type !== 'application/json' && fields.text('encoding') !== undefined) throw invalidParameter('encoding', `left out with ${type}`, parameters.encoding)

    const outputs = parameters.stages.filter(stage => stage !== 'input')
    const extraction: ExtractRequest = {
      model,
      images: submission.images,
      ...readGeometry(fields, model.preprocess),
      outputs,
      keepInput: parameters.stages.includes('input'),
      ...lifeOf(request)
    }
    const identity = identify(parts, request, digests, extraction, { model: model.id, type, ...parameters })
    if (identity?.held === true) return await sendHeld(reply, identity)
    const images = await parts.extractor.extract({ ...extraction, keys: identity?.keys })
    const answer = type === 'application/json' ? asFeatures(model, images, parameters) : asStack(images, parameters, type)
    return await sendAnswer(parts, request, reply, answer, type, identity)
  })
}

function asFeatures (model: LoadedModel, images: readonly Extracted[], { stages, dtype, encoding }: FeaturesParameters): Answer {
  return {
    kind: 'features',
    model: model.id,
    encoding,
    dtype,
    images: images.map(image => ({
      source: image.source,
      input: { width: image.width, height: image.height },
      geometry: image.mapping,
      features: stages.map(stage => ({ array: arrayOf(image, stage), stride: strideFor(model, stage) }))
    }))
  }
}

function asStack (images: readonly Extracted[], { stages, dtype }: FeaturesParameters, type: string): Answer {
  const stage = oneStage(stages, type)
  return { kind: 'stacked', dtype, array: stack(images.map(image => arrayOf(image, stage)), type) }
}

function arrayOf (image: Extracted, stage: StageName): NamedArray {
  if (stage === 'input') return { name: stage, shape: [3, image.height, image.width], dtype: 'uint8', data: planar(image.input!, image.width * image.height) }
  const { shape, data } = image.tensors[stage]!
  return { name: stage, shape, dtype: 'float32', data }
}

/** Input pixels a cell stands for; null for logits, which have no place. */
function strideFor ({ network }: LoadedModel, stage: StageName): number | null {
  if (stage === 'logits') return null
  return stage === 'input' ? 1 : strideOf(network, stage)
}

/** RGBRGB... to RR..GG..BB. */
function planar (pixels: Uint8Array, count: number): Uint8Array {
  const planes = new Uint8Array(count * 3)
  for (let index = 0; index < count; index++) {
    planes[index] = pixels[index * 3]!
    planes[index + count] = pixels[index * 3 + 1]!
    planes[index + 2 * count] = pixels[index * 3 + 2]!
  }
  return planes
}
