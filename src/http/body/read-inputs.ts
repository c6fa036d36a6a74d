import type { FastifyRequest } from 'fastify'
import { ServiceError, invalidParameter } from '../../errors.js'
import { contentType, readImages, type BodyLimits, type Submission } from './read-images.js'

/**
 * As readImages, and besides the JSON of OpenAI's embeddings: `input` is an image as base64 or a data URI, or a list of them;
 * the other members are parameters.
 */
export async function readInputs (request: FastifyRequest, limits: BodyLimits): Promise<Submission> {
  if (contentType(request) !== 'application/json') return await readImages(request, limits)
  const { input, ...fields } = parseObject(request.body as Buffer | undefined)
  const inputs = Array.isArray(input) ? input : [input]
  if (inputs.length === 0) throw new ServiceError('empty_body', 'input must hold at least one image, received an empty list', { param: 'input' })
  if (inputs.length > limits.maxImages) throw new ServiceError('too_many_images', `a request may hold ${limits.maxImages} images, received ${inputs.length}`, { param: 'input' })
  return { images: inputs.map((text, index) => decodeImage(text, index, limits)), fields }
}

function parseObject (body: Buffer | null | undefined): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse((body ?? '').toString())
  } catch (error) {
    throw new ServiceError('invalid_parameter', `the body must be JSON: ${(error as Error).message}`, { param: 'body' })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw invalidParameter('body', 'a JSON object', parsed)
  return parsed as Record<string, unknown>
}

function decodeImage (text: unknown, index: number, { maxImageBytes }: BodyLimits): Uint8Array {
  const param = `images[${index}]`
  if (typeof text !== 'string') throw invalidParameter(param, 'an image as base64 or as a data URI', text)
  const base64 = text.startsWith('data:') ? dataOf(text, param) : text
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(base64)) throw invalidParameter(param, 'base64', text)
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length === 0) throw new ServiceError('empty_body', 'an image must not be empty, received 0 bytes', { param })
  if (bytes.length > maxImageBytes) throw new ServiceError('body_too_large', `an image may have ${maxImageBytes} bytes, received ${bytes.length}`, { param })
  return bytes
}

function dataOf (uri: string, param: string): string {
  const comma = uri.indexOf(',')
  if (comma < 0 || !uri.slice(0, comma).endsWith(';base64')) throw invalidParameter(param, 'a data URI with ;base64', uri)
  return uri.slice(comma + 1)
}
