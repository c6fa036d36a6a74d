import type { Interpolation } from '../model/preprocess.js'
import { horizontalPass, verticalPass } from './passes.js'
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

/**
 * Resizes `source` to `width` x `height` with Pillow's filters and Pillow's arithmetic, and returns the part `crop`
 * of the result. Nothing that part does not need is computed, and every pixel of it equals Pillow's.
 *
 * Pillow (Resample.c): antialiased when shrinking, a horizontal and a vertical pass, each rounded and clipped to uint8.
 */
export function resample (source: Raster, width: number, height: number, crop: Box, filter: Interpolation): Uint8Array<ArrayBuffer> {
  const columns = taps(source.width, width, crop.x, crop.width, filter)
  const rows = taps(source.height, height, crop.y, crop.height, filter)
  const stride = source.width * 3
  const needed = source.data.subarray(rows.first * stride + columns.first * 3)
  // The order of the passes decides a few levels of the result. This is the rule of Pillow 13 (python-pillow/Pillow
  // #9549); before, the horizontal pass always came first.
  if (height < source.height && source.height - height > 2 * (source.width - width)) {
    const flat = verticalPass(needed, stride, columns.span * 3, rows)
    return horizontalPass(flat, columns.span * 3, crop.height, columns)
  }
  const narrow = horizontalPass(needed, stride, rows.span, columns)
  return verticalPass(narrow, crop.width * 3, crop.width * 3, rows)
}
