import type { Interpolation } from '../model/preprocess.js'
import { horizontalFirst, verticalFirst } from './passes.js'
import { taps } from './taps.js'

/** Interleaved uint8 RGB, [height, width, 3]. */
export interface Raster {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** A rectangle in whole pixels. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A band of the result is so high that what it needs of the source, or its first pass, is about this large. */
const BAND_BYTES = 4 * 1024 * 1024

/**
 * Resizes `source` to `width` x `height` with Pillow's filters and Pillow's arithmetic, and returns the part `crop`
 * of the result. Nothing that part does not need is computed, and every pixel of it equals Pillow's.
 *
 * Pillow (Resample.c): antialiased when shrinking, a horizontal and a vertical pass, each rounded and clipped to uint8.
 */
export function resample (source: Raster, width: number, height: number, crop: Box, filter: Interpolation): Uint8Array<ArrayBuffer> {
  const stride = source.width * 3
  const columns = taps(source.width, width, crop.x, crop.width, filter)
  // The order of the passes decides a few levels of the result. This is the rule of Pillow 13 (python-pillow/Pillow
  // #9549); before, the horizontal pass always came first.
  const flatten = height < source.height && source.height - height > 2 * (source.width - width)
  const passes = flatten ? verticalFirst : horizontalFirst
  const bytesPerRow = (flatten ? stride : crop.width * 3) * Math.max(1, source.height / height)
  const band = Math.max(1, Math.floor(BAND_BYTES / bytesPerRow))
  const out = new Uint8Array(crop.width * crop.height * 3)
  for (let y = 0; y < crop.height; y += band) {
    const rows = taps(source.height, height, crop.y + y, Math.min(band, crop.height - y), filter)
    const needed = source.data.subarray(rows.first * stride + columns.first * 3)
    out.set(passes(needed, stride, columns, rows), y * crop.width * 3)
  }
  return out
}
