import { ServiceError } from '../errors.js'
import { decode, readHeader, type EncodedImage } from './decode.js'
import { layOut, type Layout } from './geometry.js'
import type { ImageRequest, PreparedImage } from './image.js'
import { resample } from './resample.js'

export interface PrepareSettings {
  /** The most pixels a file may have. */
  readonly maxPixels: number
  /** The most pixels a prepared image may have: what bounds the memory of a run. */
  readonly maxInputPixels: number
  /** fast: JPEGs much larger than their input are decoded at a reduced size, a few levels off. exact: never. */
  readonly mode: 'exact' | 'fast'
}

/** Enlarging a single row or pixel is no picture: whoever sends one (a tracking pixel, a broken thumbnail) wants to know. */
const LEAST_SIDE = 2

/**
 * An encoded file as the network sees it: the first frame, upright when `autoorient`, resized as the geometry says.
 * Size limits are checked on the header, before a pixel is decoded.
 * @throws ServiceError `empty_body`, `unsupported_image_type`, `image_too_small`, `image_too_large`, `image_not_decodable`
 */
export async function prepare ({ bytes, geometry, autoorient }: ImageRequest, { maxPixels, maxInputPixels, mode }: PrepareSettings): Promise<PreparedImage> {
  const image = await readHeader(bytes, autoorient)
  const { source } = image
  if (source.width * source.height > maxPixels) {
    throw new ServiceError('image_too_large', `an image must have at most ${maxPixels} pixels, received ${source.width}x${source.height}`)
  }
  if (Math.min(source.width, source.height) < LEAST_SIDE) {
    throw new ServiceError('image_too_small', `an image must have at least ${LEAST_SIDE}x${LEAST_SIDE} pixels, received ${source.width}x${source.height}`)
  }
  const layout = layOut(source, geometry, maxInputPixels)
  const raster = await decode(image, mode === 'fast' ? { fast: true, shrink: decodeShrink(image, layout) } : {})
  const cut = resample(raster, layout.resized.width, layout.resized.height, layout.crop, geometry.interpolation)
  return { data: pad(cut, layout), width: layout.width, height: layout.height, source, mapping: layout.mapping }
}

/** The decoder's own shrinks, as long as they leave the resampler three times the pixels wanted: see bench/README.md. */
function decodeShrink ({ source, cmyk }: EncodedImage, { resized }: Layout): number {
  if (source.format !== 'jpeg' || cmyk) return 1
  const ratio = Math.min(source.width / resized.width, source.height / resized.height)
  return [9, 5, 3].find(shrink => ratio >= 3 * shrink) ?? 1
}

function pad (cut: Uint8Array<ArrayBuffer>, { width, height, crop, x, y, background }: Layout): Uint8Array<ArrayBuffer> {
  if (crop.width === width && crop.height === height) return cut
  const out = Buffer.alloc(width * height * 3, Uint8Array.from(background))
  for (let row = 0; row < crop.height; row++) {
    const from = row * crop.width * 3
    out.set(cut.subarray(from, from + crop.width * 3), ((y + row) * width + x) * 3)
  }
  return new Uint8Array(out.buffer, out.byteOffset, out.length)
}
