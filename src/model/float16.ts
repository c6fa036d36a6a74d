/**
 * float32 to IEEE half precision, rounded to nearest even, overflow to infinity: what numpy's astype(float16) gives.
 * By hand because Float16Array needs Node 24.
 */
export function toHalf (values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let index = 0; index < halves.length; index++) {
    const value = bits[index]!
    const magnitude = value & 0x7fffffff
    // From 2^-14 to under 2^16 - 16 the result is a normal number: the exponent is biased anew (15 for 127) and 13 bits of the
    // mantissa are rounded off, a carry growing the exponent as it should. Nearly every weight and feature goes this way.
    halves[index] = magnitude >= 0x38800000 && magnitude < 0x477ff000
      ? ((value >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
      : unusualHalf(value)
  }
  return halves
}

function unusualHalf (bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff && mantissa !== 0) return sign | 0x7e00 | (mantissa >>> 13)
  if (exponent > 112) return sign | 0x7c00
  if (exponent < 102) return sign
  // Below the smallest normal number the implicit 1 becomes explicit and moves right.
  const shift = 126 - exponent
  const whole = mantissa | 0x800000
  const kept = whole >>> shift
  const rest = whole & ((1 << shift) - 1)
  const middle = 1 << (shift - 1)
  return sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0))
}
