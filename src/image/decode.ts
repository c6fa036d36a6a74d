import sharp from 'sharp'
import { ServiceError } from '../errors.js'
import { cmykToRgb } from './cmyk.js'
import type { SourceInfo } from './image.js'
import type { Raster } from './resample.js'
import { sniff } from './sniff.js'

// Many images at once, each seen once: libvips' own threads and its cache of operations only cost.
sharp.concurrency(1)
sharp.cache(false)
// A second wall behind sniff: a file that is two formats at once still meets none but these loaders.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Heif', 'Tiff', 'Nsgif'].map(loader => `VipsForeignLoad${loader}Buffer`)
})

/** What a file's header says. */
export interface Header {
  readonly source: SourceInfo
  readonly cmyk: boolean
  /** Whether the pixels have to be turned to stand upright. */
  readonly turn: boolean
}

/** `failOn: 'error'` fails truncated files and lets pass what only warns (stray bytes, a broken profile, unknown tags). */
const READ = { ignoreIcc: true, failOn: 'error' } as const

/**
 * Format, upright size and orientation, without decoding a pixel.
 * @throws ServiceError `empty_body`, `unsupported_image_type`, `image_not_decodable`
 */
export async function readHeader (bytes: Uint8Array, autoorient: boolean): Promise<Header> {
  const format = sniff(bytes)
  const found = await failing(format, sharp(bytes, { ...READ, limitInputPixels: false }).metadata())
  const orientation = found.orientation ?? 1
  const { width, height } = autoorient ? found.autoOrient : found
  return {
    source: { width, height, format, orientation },
    cmyk: found.space === 'cmyk',
    turn: autoorient && orientation > 1
  }
}

/**
 * The first frame or page as 8-bit RGB at full size, as Pillow's `Image.open(file).convert('RGB')` gives it: no colour
 * profile applied, alpha dropped, the high byte of 16 bits.
 * @throws ServiceError `image_not_decodable`
 */
export async function decode (bytes: Uint8Array, { source, cmyk, turn }: Header): Promise<Raster> {
  const image = sharp(bytes, { ...READ, limitInputPixels: source.width * source.height, autoOrient: turn })
  // Asking for CMYK on both sides is how sharp is kept from converting through a profile of its own.
  if (cmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk')
  else image.toColourspace('srgb').removeAlpha()
  const { data, info } = await failing(source.format, image.raw().toBuffer({ resolveWithObject: true }))
  return { data: cmyk ? cmykToRgb(data) : data, width: info.width, height: info.height }
}

async function failing<T> (format: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const reason = (cause as Error).message.trim().split('\n')[0]
    throw new ServiceError('image_not_decodable', `the ${format} image cannot be decoded: ${reason}`, { cause })
  }
}
