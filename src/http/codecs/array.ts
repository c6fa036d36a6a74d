import { toHalf } from '../../model/float16.js'

/** A tensor ready to be written: little-endian, row-major. */
export interface NamedArray {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: 'uint8' | 'float16' | 'float32'
  readonly data: Uint8Array | Uint16Array | Float32Array
}

/** uint8 stays as it is; floats become the asked type. */
export function asDtype (array: NamedArray, dtype: 'float32' | 'float16'): NamedArray {
  return array.data instanceof Float32Array && dtype === 'float16' ? { ...array, dtype, data: toHalf(array.data) } : array
}

/** The array's bytes where they lie. Little-endian on every machine Node 20 and onnxruntime-node run on. */
export function bytesOf ({ data }: NamedArray): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
