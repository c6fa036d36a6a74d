import { bytesOf, type NamedArray } from './array.js'

/** base64 of the little-endian bytes. */
export function base64Of (array: NamedArray): string {
  return bytesOf(array).toString('base64')
}

/** Nested lists by shape. float16 is written as the numbers it holds. */
export function listOf (array: NamedArray): unknown {
  const numbers = array.dtype === 'float16' ? Array.from(array.data, fromHalf) : Array.from(array.data)
  return nest(numbers, array.shape)
}

function nest (numbers: number[], shape: readonly number[]): unknown {
  if (shape.length <= 1) return numbers
  const size = numbers.length / shape[0]!
  return Array.from({ length: shape[0]! }, (_, index) => nest(numbers.slice(index * size, (index + 1) * size), shape.slice(1)))
}

/** JSON has no infinities: an overflowed half becomes null, as JSON.stringify does for a float. */
function fromHalf (half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : NaN
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (mantissa + 1024) * 2 ** (exponent - 25))
}
