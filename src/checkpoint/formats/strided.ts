import type { StoredType, TensorInfo } from '../tensor-source.js'
import { toFloat32 } from './elements.js'

/** A stretch of elements in a file that tensors look into. */
export interface Storage {
  readonly dtype: StoredType
  /** Elements. */
  readonly length: number
  /** Little-endian bytes of `count` elements from `start` on, in a buffer of their own. */
  read (start: number, count: number): Uint8Array<ArrayBuffer>
}

/** A tensor as PyTorch and numpy see it: a storage, where it begins, and how far apart neighbours are. All in elements. */
export interface StridedTensor extends TensorInfo {
  readonly storage: Storage
  readonly offset: number
  readonly strides: readonly number[]
}

/** PyTorch's own limit. */
const MOST_AXES = 64

/** Zero wins over sizes so large that their product is infinite. */
function elementCount (shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1)
}

/**
 * @throws the error `refuse` makes, when the tensor reaches out of its storage, or holds more elements than it: views that
 * repeat elements would let a small file ask for any amount of memory
 */
export function stridedTensor (storage: Storage, shape: readonly number[], strides: readonly number[], offset: number, refuse: (message: string) => Error): StridedTensor {
  if (strides.length !== shape.length || shape.length > MOST_AXES) throw refuse(`${shape.length} sizes (at most ${MOST_AXES}) but ${strides.length} strides`)
  const count = elementCount(shape)
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset)
  if (count > 0 && last >= storage.length) throw refuse(`its last element is number ${last}, but the storage holds ${storage.length}`)
  if (count > storage.length) throw refuse(`it has ${count} elements, but the storage holds ${storage.length}`)
  return { dtype: storage.dtype, shape, storage, offset, strides }
}

export function contiguousStrides (shape: readonly number[]): number[] {
  let stride = 1
  return shape.toReversed().map(size => {
    const own = stride
    stride *= size
    return own
  }).reverse()
}

/** The values as float32, row-major; only the stretch of the storage that the tensor spans is read. */
export function readStrided ({ storage, shape, strides, offset }: StridedTensor): Float32Array<ArrayBuffer> {
  const count = elementCount(shape)
  if (count === 0) return new Float32Array(0)
  const span = 1 + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0)
  const values = toFloat32(storage.read(offset, span), storage.dtype)
  const rowMajor = contiguousStrides(shape)
  // An axis of one element is never stepped along, so its stride may be anything.
  return shape.every((size, axis) => size === 1 || strides[axis] === rowMajor[axis]) ? values : gather(values, shape, strides, count)
}

function gather (values: Float32Array, shape: readonly number[], strides: readonly number[], count: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count)
  const index = new Array<number>(shape.length).fill(0)
  let source = 0
  for (let target = 0; target < count; target++) {
    out[target] = values[source]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      source -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return out
}
