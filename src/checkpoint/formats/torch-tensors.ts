import { Call, describe, Global, Persistent, type PickleValue } from '../pickle/values.js'
import type { StoredType } from '../tensor-source.js'
import { contiguousStrides, stridedTensor, type Storage, type StridedTensor } from './strided.js'

/** What a persistent id says: `('storage', class, key, location, elements[, view])`. */
export interface StorageReference {
  readonly className: string
  readonly key: string
  /** Elements of the whole storage. */
  readonly length: number
  /** Before 1.6 a storage could be a stretch of another, which begins at this element of it. */
  readonly viewOffset: number
}

/** A storage class's elements. Those without a type (complex, quantised) may be in a file, but not in a network. */
export const STORAGE_CLASSES: Readonly<Record<string, { readonly dtype: StoredType | undefined, readonly itemSize: number }>> = {
  DoubleStorage: { dtype: 'f64', itemSize: 8 },
  FloatStorage: { dtype: 'f32', itemSize: 4 },
  HalfStorage: { dtype: 'f16', itemSize: 2 },
  BFloat16Storage: { dtype: 'bf16', itemSize: 2 },
  LongStorage: { dtype: 'i64', itemSize: 8 },
  IntStorage: { dtype: 'i32', itemSize: 4 },
  ShortStorage: { dtype: 'i16', itemSize: 2 },
  CharStorage: { dtype: 'i8', itemSize: 1 },
  ByteStorage: { dtype: 'u8', itemSize: 1 },
  BoolStorage: { dtype: 'bool', itemSize: 1 },
  ComplexDoubleStorage: { dtype: undefined, itemSize: 16 },
  ComplexFloatStorage: { dtype: undefined, itemSize: 8 },
  QInt32Storage: { dtype: undefined, itemSize: 4 },
  QInt8Storage: { dtype: undefined, itemSize: 1 },
  QUInt8Storage: { dtype: undefined, itemSize: 1 },
  UntypedStorage: { dtype: undefined, itemSize: 1 }
}

/** The functions PyTorch rebuilds tensors with, and which argument holds the tensor where one wraps another. */
const REBUILDS = new Set(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2', 'torch._utils._rebuild_tensor_v3'])
const WRAPPERS = new Set(['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state'])
const FROM_TYPE = 'torch._tensor._rebuild_from_type_v2'
/** A Parameter in a Parameter in a ... is no checkpoint's. */
const DEEPEST = 4

export function isTorchTensor (value: PickleValue | undefined): value is Call {
  return value instanceof Call && (REBUILDS.has(value.path ?? '') || WRAPPERS.has(value.path ?? '') || value.path === FROM_TYPE)
}

/**
 * @param open gives the storage a reference names
 * @throws the error `refuse` makes, when the arguments are not those of a dense tensor
 */
export function torchTensor (value: Call, open: (reference: StorageReference) => Storage, refuse: (message: string) => Error): StridedTensor {
  const [reference, offset, size, stride, , , extra] = rebuildArguments(value, refuse)
  if (!(reference instanceof Persistent)) throw refuse(`expected a storage, received ${describe(reference)}`)
  // Conjugated or negated views carry a dict that says so; the stored values are then not the tensor's.
  if (extra instanceof Map && extra.size > 0) throw refuse('a conjugated or negated view cannot be read')
  const shape = sizes(size, refuse)
  const storage = readReference(reference, refuse)
  const start = storage.viewOffset + whole(offset, refuse)
  return stridedTensor(open(storage), shape, stride === undefined ? contiguousStrides(shape) : sizes(stride, refuse), start, refuse)
}

function rebuildArguments (value: Call, refuse: (message: string) => Error): readonly PickleValue[] {
  let call = value
  for (let depth = 0; depth < DEEPEST; depth++) {
    const args = Array.isArray(call.args) ? call.args : []
    if (REBUILDS.has(call.path ?? '')) return args
    const [inner, , innerArgs] = args
    const next = call.path === FROM_TYPE && inner instanceof Global && innerArgs !== undefined ? new Call(inner, innerArgs) : inner
    if (!isTorchTensor(next)) break
    call = next
  }
  throw refuse(`expected a dense tensor, received ${describe(call)}`)
}

/** @throws the error `refuse` makes, when it is not a storage as torch.save writes it */
export function readReference ({ id }: Persistent, refuse: (message: string) => Error): StorageReference {
  const [kind, storageClass, key, , length, view] = Array.isArray(id) ? id : []
  if (kind !== 'storage' || !(storageClass instanceof Global) || typeof key !== 'string') throw refuse(`a reference must be to a storage, received ${describe(id)}`)
  const known = /^torch(\.cuda|\.storage)?$/.test(storageClass.module) && Object.hasOwn(STORAGE_CLASSES, storageClass.name)
  if (!known) throw refuse(`storage must be one of ${Object.keys(STORAGE_CLASSES).join(', ')}, received ${storageClass.path}`)
  const [, viewOffset] = Array.isArray(view) ? view : [null, 0]
  return { className: storageClass.name, key, length: whole(length, refuse), viewOffset: whole(viewOffset, refuse) }
}

function whole (value: PickleValue | undefined, refuse: (message: string) => Error): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw refuse(`expected a whole number, received ${describe(value)}`)
  return value
}

/** A tuple of whole numbers, or a torch.Size around one. */
export function sizes (value: PickleValue | undefined, refuse: (message: string) => Error): number[] {
  const list = value instanceof Call && value.path === 'torch.Size' && Array.isArray(value.args) ? value.args[0] : value
  if (!Array.isArray(list)) throw refuse(`expected a tuple of sizes, received ${describe(list)}`)
  return list.map(size => whole(size, refuse))
}
