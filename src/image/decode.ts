import sharp, { type Sharp } from 'sharp'
import { ServiceError } from '../errors.js'
import { decodeAvif, needsInterpolation } from './avif.js'
import { cmykToRgb } from './cmyk.js'
import { gifGround, onGround } from './gif-ground.js'
import type { SourceInfo } from './image.js'
import type { Raster } from './resample.js'
import { sniff } from './sniff.js'
import { hasBareYcbcr } from './tiff-tags.js'

// Many images at once, each seen once: libvips' own threads and its cache of operations only cost.
sharp.concurrency(1)
sharp.cache(false)
// A second wall behind sniff: a file that is two formats at once still meets none but these loaders.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif', 'Tiff', 'Nsgif'].map(loader => `VipsForeignLoad${loader}Buffer`)
})

/** An encoded file and what its header says. */
export interface EncodedImage {
  readonly bytes: Uint8Array
  /** Upright when `turn`. */
  readonly source: SourceInfo
  /** Whether the EXIF orientation is applied. */
  readonly turn: boolean
  readonly cmyk: boolean
  readonly alpha: boolean
  /** An AVIF's with chroma at less than full size: see avif.ts. */
  readonly interpolates: boolean
}

/** `failOn: 'error'` fails truncated files and lets pass what only warns (stray bytes, a broken profile, unknown tags). */
const READ = { ignoreIcc: true, failOn: 'error' } as const

/**
 * Format, upright size and orientation, without decoding a pixel.
 * @throws ServiceError `empty_body`, `unsupported_image_type`, `image_not_decodable`
 */
export async function readHeader (file: Uint8Array, autoorient: boolean): Promise<EncodedImage> {
  const format = sniff(file)
  const bytes = format === 'avif' ? asStill(file) : file
  if (format === 'tiff' && hasBareYcbcr(bytes)) throw notDecodable(format, 'YCbCr samples are taken with JPEG compression only')
  const found = await decoding(format, sharp(bytes, { ...READ, limitInputPixels: false }).metadata())
  const { width, height } = autoorient ? found.autoOrient : found
  return {
    bytes,
    source: { width, height, format, orientation: found.orientation ?? 1 },
    turn: autoorient,
    cmyk: found.space === 'cmyk',
    alpha: found.hasAlpha,
    interpolates: format === 'avif' && needsInterpolation(bytes)
  }
}

/**
 * The first frame or page as 8-bit RGB, at full size as Pillow's `Image.open(file).convert('RGB')` gives it: no colour
 * profile applied, alpha dropped and not blended. Where it differs:
 * - 16-bit grey: its high byte, where Pillow clips to white;
 * - AVIF: up to 3 levels; with chroma at half size and `fast`, or turned by the file itself, libheif repeats chroma where Pillow's
 *   libavif interpolates, so colour edges differ;
 * - the rotation of an AVIF is always applied, that of a TIFF only with `turn` (Pillow applies a TIFF's always);
 * - a GIF's first frame smaller than its canvas lies on black, not on the palette's first colour.
 * @param shrink above 1: the size is divided by this, a JPEG's for the most part while it is decoded. sharp takes the
 * codec's own halves, quarters and eighths only for a shrink clearly above them: 3, 5 and 9
 * @param fast lets small differences pass where that saves time
 * @throws ServiceError `image_not_decodable`
 */
export async function decode ({ bytes, source, turn, cmyk, alpha, interpolates }: EncodedImage, { shrink = 1, fast = false } = {}): Promise<Raster> {
  const { format } = source
  if (interpolates && !fast) return { width: source.width, height: source.height, data: await decoding(format, decodeAvif(bytes, source)) }
  const image = sharp(bytes, { ...READ, limitInputPixels: source.width * source.height, autoOrient: turn })
  const width = Math.floor(source.width / shrink)
  const height = Math.floor(source.height / shrink)
  if (shrink > 1) image.resize({ width, height, fit: 'fill', kernel: 'cubic' })
  const pixels = async (image: Sharp): Promise<Buffer> => await decoding(format, image.raw().toBuffer())
  // CMYK on both sides keeps sharp from converting through a profile of its own.
  if (cmyk) return { width, height, data: cmykToRgb(await pixels(image.pipelineColourspace('cmyk').toColourspace('cmyk'))) }
  image.toColourspace('srgb')
  if (alpha && format === 'gif') return { width, height, data: onGround(await pixels(image), gifGround(bytes)) }
  return { width, height, data: await pixels(image.removeAlpha()) }
}

/** libvips knows an AVIF by its major brand alone, and an animated one has another. Its still is in the same place. */
function asStill (avif: Uint8Array): Uint8Array {
  const still = Uint8Array.from(avif)
  still.set(Buffer.from('avif'), 8)
  return still
}

async function decoding<T> (format: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const lines = new Set((cause as Error).message.split('\n').map(line => line.trim()).filter(line => line !== ''))
    throw notDecodable(format, [...lines].join('; ').slice(0, 200), cause)
  }
}

function notDecodable (format: string, reason: string, cause?: unknown): ServiceError {
  return new ServiceError('image_not_decodable', `the ${format} image cannot be decoded: ${reason}`, { cause })
}
