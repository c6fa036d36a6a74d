/**
 * float32 to IEEE half precision, rounded to nearest even, overflow to infinity: bit for bit what numpy's astype(float16) gives.
 * By hand because Float16Array needs Node 24.
 */
export function float16 (values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let index = 0; index < values.length; index++) halves[index] = halfOf(bits[index]!)
  return halves
}

function halfOf (bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | (mantissa === 0 ? 0x7c00 : 0x7e00 | (mantissa >>> 13))
  const half = exponent - 112 // float32 biases the exponent by 127, half precision by 15
  if (half >= 31) return sign | 0x7c00
  if (half < -10) return sign
  // Below the smallest normal number the implicit 1 becomes explicit and moves right.
  const shift = half > 0 ? 13 : 14 - half
  const whole = half > 0 ? (half << 23) | mantissa : mantissa | 0x800000
  const kept = whole >>> shift
  const rest = whole & ((1 << shift) - 1)
  const middle = 1 << (shift - 1)
  return sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0))
}
