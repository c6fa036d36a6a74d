import { PRECISION, type Taps } from './taps.js'

const HALF = 1 << (PRECISION - 1)

/**
 * Resizes `rows` rows of RGB pixels along x.
 * @param data begins at the taps' first column of the first row; rows are `stride` bytes apart
 * @returns rows without gaps, [rows, outputs, 3]
 */
export function horizontalPass (data: Uint8Array, stride: number, rows: number, taps: Taps): Uint8Array<ArrayBuffer> {
  const { from, count, weights } = taps
  const out = new Uint8ClampedArray(rows * from.length * 3)
  let o = 0
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < from.length; x++) {
      let at = row * stride + from[x]! * 3
      let k = x * taps.stride
      const end = k + count[x]!
      let r = HALF
      let g = HALF
      let b = HALF
      for (; k < end; k++) {
        const weight = weights[k]!
        // The sums stay below 2^31; `| 0` only tells the compiler so.
        r = (r + Math.imul(data[at]!, weight)) | 0
        g = (g + Math.imul(data[at + 1]!, weight)) | 0
        b = (b + Math.imul(data[at + 2]!, weight)) | 0
        at += 3
      }
      out[o] = r >> PRECISION
      out[o + 1] = g >> PRECISION
      out[o + 2] = b >> PRECISION
      o += 3
    }
  }
  return new Uint8Array(out.buffer)
}

/**
 * Resizes rows of `rowBytes` bytes along y.
 * @param data begins at the taps' first row; rows are `stride` bytes apart
 * @returns rows without gaps, [outputs, rowBytes]
 */
export function verticalPass (data: Uint8Array, stride: number, rowBytes: number, taps: Taps): Uint8Array<ArrayBuffer> {
  const { from, count, weights } = taps
  const out = new Uint8ClampedArray(from.length * rowBytes)
  let o = 0
  for (let y = 0; y < from.length; y++) {
    const start = from[y]! * stride
    const end = y * taps.stride + count[y]!
    for (let x = 0; x < rowBytes; x += 3) {
      let at = start + x
      let r = HALF
      let g = HALF
      let b = HALF
      for (let k = y * taps.stride; k < end; k++) {
        const weight = weights[k]!
        r = (r + Math.imul(data[at]!, weight)) | 0
        g = (g + Math.imul(data[at + 1]!, weight)) | 0
        b = (b + Math.imul(data[at + 2]!, weight)) | 0
        at += stride
      }
      out[o] = r >> PRECISION
      out[o + 1] = g >> PRECISION
      out[o + 2] = b >> PRECISION
      o += 3
    }
  }
  return new Uint8Array(out.buffer)
}
