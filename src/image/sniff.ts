import { ServiceError } from '../errors.js'
import type { ImageFormat } from './image.js'

/** As messages and documents name what is taken. */
export const TAKEN_FORMATS = 'JPEG, PNG, WebP, AVIF, TIFF and GIF'

/**
 * The format a file's first bytes say it is. A content type or a file name is never believed, and nothing else
 * (SVG, PDF, HEIC, ...) reaches the decoder.
 * @throws ServiceError `empty_body` for no bytes, `unsupported_image_type` for everything that is not taken
 */
export function sniff (bytes: Uint8Array): ImageFormat {
  if (bytes.length === 0) throw new ServiceError('empty_body', `an image must not be empty: ${TAKEN_FORMATS} are taken, received 0 bytes`)
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64))
  const text = head.toString('latin1')
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'gif'
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp'
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(text.slice(0, 4))) return 'tiff'
  if (text.startsWith('ftyp', 4) && brands(head).includes('avif')) return 'avif'
  const start = head.subarray(0, 12).toString('hex').replace(/(..)(?=.)/g, '$1 ')
  throw new ServiceError('unsupported_image_type', `an image must be one of ${TAKEN_FORMATS}, received a file that begins with ${start}`)
}

/** The major and the compatible brands of an ISO base media file's first box. */
function brands (head: Buffer): string[] {
  if (head.length < 16) return []
  const end = Math.min(head.readUInt32BE(0), head.length)
  const found = [head.toString('latin1', 8, 12)]
  for (let at = 16; at + 4 <= end; at += 4) found.push(head.toString('latin1', at, at + 4))
  return found
}
