import { show } from '../../errors.js'
import { unpickle } from '../pickle/unpickle.js'
import { describe, type PickleValue } from '../pickle/values.js'
import type { TensorSource } from '../tensor-source.js'
import { unreadable, type CheckpointFile } from './checkpoint-file.js'
import { pickledSource } from './pickled-source.js'
import type { Storage } from './strided.js'
import { readReference, STORAGE_CLASSES, type StorageReference } from './torch-tensors.js'

/** PROTO 2, LONG1 of ten bytes, PyTorch's magic number, STOP. */
export const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')
const PROTOCOL_VERSION = 1001

/**
 * PyTorch's format before 1.6: pickles of the magic number, the protocol, the machine, the object and the list of storage keys,
 * then for each key in that order the number of elements (int64) and the elements.
 * @throws ServiceError checkpoint_unreadable
 */
export function openTorchLegacy (file: CheckpointFile): TensorSource {
  const protocol = unpickle(file, LEGACY_MAGIC.length, file.size)
  if (protocol.root !== PROTOCOL_VERSION) throw unreadable(file.path, `legacy PyTorch protocol must be ${PROTOCOL_VERSION}, received ${describe(protocol.root)}`)
  const machine = unpickle(file, protocol.end, file.size)
  if (!(machine.root instanceof Map) || machine.root.get('little_endian') !== true) throw unreadable(file.path, 'must have been written on a little-endian machine')
  const object = unpickle(file, machine.end, file.size)
  const keys = unpickle(file, object.end, file.size)

  const references = new Map<string, StorageReference>()
  for (const persistent of object.references) {
    const reference = readReference(persistent, message => unreadable(file.path, message))
    references.set(reference.key, reference)
  }
  const storages = locate(file, keys.root, keys.end, references)
  return pickledSource('torch-legacy', file, object.root, reference => storages.get(reference.key)?.(reference) ?? missing(file, reference.key))
}

/** Where each storage's elements are; what lies behind one is only found by the length of the one before. */
function locate (file: CheckpointFile, keys: PickleValue, start: number, references: ReadonlyMap<string, StorageReference>): Map<string, (reference: StorageReference) => Storage> {
  if (!Array.isArray(keys)) throw unreadable(file.path, `expected a list of storage keys, received ${describe(keys)}`)
  const storages = new Map<string, (reference: StorageReference) => Storage>()
  let position = start
  for (const key of keys) {
    const reference = typeof key === 'string' ? references.get(key) : undefined
    if (reference === undefined) throw unreadable(file.path, `storage ${describe(key)} is listed, but no tensor uses it`)
    const length = Number(file.read(position, 8).readBigInt64LE())
    if (length !== reference.length) throw unreadable(file.path, `storage ${show(reference.key)} must have ${reference.length} elements, received ${length}`)
    const dataStart = position + 8
    storages.set(reference.key, wanted => storageAt(file, dataStart, wanted, reference))
    position = dataStart + length * STORAGE_CLASSES[reference.className]!.itemSize
    if (position > file.size) throw unreadable(file.path, `storage ${show(reference.key)} ends at byte ${position}, but the file has ${file.size}`)
  }
  if (position !== file.size) throw unreadable(file.path, `the storages end at byte ${position}, but the file has ${file.size}`)
  return storages
}

function storageAt (file: CheckpointFile, dataStart: number, wanted: StorageReference, listed: StorageReference): Storage {
  const { dtype, itemSize } = STORAGE_CLASSES[wanted.className]!
  if (dtype === undefined || wanted.className !== listed.className || wanted.length !== listed.length) {
    throw unreadable(file.path, `storage ${show(wanted.key)} is ${listed.className} of ${listed.length} and cannot be read as ${wanted.className} of ${wanted.length}`)
  }
  return { dtype, length: wanted.length, read: (start, count) => file.read(dataStart + start * itemSize, count * itemSize) }
}

function missing (file: CheckpointFile, key: string): never {
  throw unreadable(file.path, `storage ${show(key)} is not in the file`)
}
