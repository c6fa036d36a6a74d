import type { Interpolation } from '../model/preprocess.js'

/** Along one axis: which source positions make each output position, and how much of each. */
export interface Taps {
  /** The first source position any output needs, and how many from there. */
  readonly first: number
  readonly span: number
  /** Output i takes `count[i]` source positions, `from[i]` after `first` on. */
  readonly from: Int32Array
  readonly count: Int32Array
  /** Their weights, at i * stride, times 2^PRECISION. */
  readonly weights: Int32Array
  readonly stride: number
}

/** The weights' binary point: 32 bits less 8 for the pixel and 2 for the sum's overshoot, as in Pillow. */
const PRECISION = 22
const ONE = 1 << PRECISION
const SUPPORT = { bicubic: 2, bilinear: 1 }

/**
 * Pillow's weights (Resample.c precompute_coeffs, normalize_coeffs_8bpc) for output positions `offset` to
 * `offset + length` of `outSize`: the filter widened by the shrink, cut at the border, normalised in double, rounded.
 */
export function taps (inSize: number, outSize: number, offset: number, length: number, filter: Interpolation): Taps {
  if (inSize === outSize) return untouched(offset, length)
  const weigh = filter === 'bicubic' ? bicubic : bilinear
  const scale = inSize / outSize
  const filterScale = Math.max(scale, 1)
  const support = SUPPORT[filter] * filterScale
  const stride = Math.ceil(support) * 2 + 1
  const from = new Int32Array(length)
  const count = new Int32Array(length)
  const weights = new Int32Array(length * stride)
  const exact = new Float64Array(stride)
  for (let i = 0; i < length; i++) {
    const centre = (offset + i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(inSize, Math.trunc(centre + support + 0.5))
    let sum = 0
    for (let k = start; k < end; k++) sum += exact[k - start] = weigh((k - centre + 0.5) * (1 / filterScale))
    for (let k = 0; k < end - start; k++) {
      const weight = exact[k]! / sum * ONE
      weights[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
    from[i] = start
    count[i] = end - start
  }
  const first = from[0]!
  const span = from[length - 1]! + count[length - 1]! - first
  return { first, span, from: from.map(start => start - first), count, weights, stride }
}

/** Pillow leaves out a pass that changes no size. */
function untouched (offset: number, length: number): Taps {
  return {
    first: offset,
    span: length,
    from: Int32Array.from({ length }, (_, i) => i),
    count: new Int32Array(length).fill(1),
    weights: new Int32Array(length).fill(ONE),
    stride: 1
  }
}

/** Keys' cubic with a = -0.5, in the order of operations of Pillow. */
function bicubic (x: number): number {
  const d = Math.abs(x)
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0
}

function bilinear (x: number): number {
  return Math.max(0, 1 - Math.abs(x))
}
