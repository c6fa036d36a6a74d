import type { FastifyRequest } from 'fastify'
import { ServiceError, invalidParameter } from '../../errors.js'

export interface Submission {
  readonly images: readonly Uint8Array[]
  /** Multipart fields or JSON members; laid over the query. */
  readonly fields: Record<string, unknown>
}

export interface BodyLimits {
  readonly maxImages: number
  readonly maxImageBytes: number
}

/**
 * One image as the raw body, or one or more as multipart files.
 * @throws ServiceError empty_body, too_many_images, body_too_large, unsupported_content_type
 */
export async function readImages (request: FastifyRequest, limits: BodyLimits): Promise<Submission> {
  if (request.isMultipart()) return await readMultipart(request, limits)
  const type = contentType(request)
  if (type !== '' && type !== 'application/octet-stream' && !type.startsWith('image/')) {
    throw new ServiceError('unsupported_content_type',
      `Content-Type must be image/*, application/octet-stream or multipart/form-data, received ${type}; with curl: -H 'content-type: image/jpeg' --data-binary @photo.jpg, or -F image=@photo.jpg`,
      { param: 'content-type' })
  }
  const body = request.body as Buffer | null | undefined
  if (body === null || body === undefined || body.length === 0) throw new ServiceError('empty_body', 'the body must be one encoded image, received 0 bytes', { param: 'images[0]' })
  return { images: [body], fields: {} }
}

export function contentType (request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
}

async function readMultipart (request: FastifyRequest, { maxImages, maxImageBytes }: BodyLimits): Promise<Submission> {
  const images: Uint8Array[] = []
  const fields: Record<string, unknown> = {}
  for await (const part of request.parts({ limits: { fileSize: maxImageBytes, files: maxImages, fields: 32, fieldSize: 4096, fieldNameSize: 100 } })) {
    if (part.type === 'file') {
      const bytes = await part.toBuffer()
      if (bytes.length === 0) throw new ServiceError('empty_body', 'a file must hold an encoded image, received 0 bytes', { param: `images[${images.length}]` })
      images.push(bytes)
    } else {
      if (part.fieldname in fields) throw invalidParameter(part.fieldname, 'given once', 'several fields of that name')
      fields[part.fieldname] = part.value
    }
  }
  if (images.length === 0) throw new ServiceError('empty_body', 'the form must hold at least one file, received none', { param: 'images[0]' })
  return { images, fields }
}
