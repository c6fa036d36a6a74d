import type { StoredType } from '../tensor-source.js'

/** Bytes of one element. */
export const ITEM_SIZE: Readonly<Record<StoredType, number>> = {
  f64: 8, f32: 4, f16: 2, bf16: 2, i64: 8, i32: 4, i16: 2, i8: 1, u8: 1, bool: 1
}

/**
 * Little-endian elements as float32. The result may share the memory of `bytes`.
 * @param bytes a whole number of elements, starting at a multiple of the element size within its buffer
 */
export function toFloat32 (bytes: Uint8Array<ArrayBuffer>, dtype: StoredType): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset } = bytes
  const count = bytes.byteLength / ITEM_SIZE[dtype]
  switch (dtype) {
    case 'f32': return new Float32Array(buffer, byteOffset, count)
    case 'f64': return new Float32Array(new Float64Array(buffer, byteOffset, count))
    case 'i32': return new Float32Array(new Int32Array(buffer, byteOffset, count))
    case 'i16': return new Float32Array(new Int16Array(buffer, byteOffset, count))
    case 'i8': return new Float32Array(new Int8Array(buffer, byteOffset, count))
    case 'u8': return new Float32Array(bytes)
    case 'bool': return Float32Array.from(bytes, byte => byte === 0 ? 0 : 1)
    case 'i64': return Float32Array.from(new BigInt64Array(buffer, byteOffset, count), Number)
    case 'bf16': return widenBfloat16(new Uint16Array(buffer, byteOffset, count))
    case 'f16': return widenHalf(new Uint16Array(buffer, byteOffset, count))
  }
}

function widenBfloat16 (halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16
  return new Float32Array(bits.buffer)
}

function widenHalf (halves: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(halves.length)
  const table = halfTable()
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]!]!
  return out
}

let table: Float32Array | undefined

/** Every half-precision value: 65,536 entries are made once and save the bit work per element. */
function halfTable (): Float32Array {
  if (table !== undefined) return table
  table = new Float32Array(0x10000)
  for (let bits = 0; bits < table.length; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = bits >> 10 & 0x1f
    const fraction = bits & 0x3ff
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : NaN
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  }
  return table
}
