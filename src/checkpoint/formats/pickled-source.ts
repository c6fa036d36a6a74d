import { show } from '../../errors.js'
import type { PickleValue } from '../pickle/values.js'
import type { TensorSource } from '../tensor-source.js'
import { unreadable, type CheckpointFile } from './checkpoint-file.js'
import { isNumpyArray, numpyArray } from './numpy-arrays.js'
import { findStateDict } from './state-dict.js'
import { readStrided, type Storage, type StridedTensor } from './strided.js'
import { torchTensor, type StorageReference } from './torch-tensors.js'

/**
 * The tensors of an unpickled checkpoint, each checked against its storage; values are read when asked for.
 * @throws ServiceError checkpoint_unreadable naming the tensor that is wrong
 */
export function pickledSource (
  format: TensorSource['format'],
  file: CheckpointFile,
  root: PickleValue,
  open: (reference: StorageReference) => Storage
): TensorSource {
  const { wrappers, tensors: values } = findStateDict(root, message => unreadable(file.path, message))
  const tensors = new Map<string, StridedTensor>()
  for (const [name, value] of values) {
    const refuse = (message: string): Error => unreadable(file.path, `tensor ${show(name)}: ${message}`)
    tensors.set(name, isNumpyArray(value) ? numpyArray(file, value, refuse) : torchTensor(value, open, refuse))
  }
  return {
    format,
    file: file.path,
    tensors,
    wrappers,
    read (name) {
      const tensor = tensors.get(name)
      if (tensor === undefined) throw unreadable(file.path, `has no tensor ${show(name)}`)
      return readStrided(tensor)
    },
    close: () => file.close()
  }
}

/** A plain pickle, as detectron2's model zoo has them: numpy arrays and no storages outside. */
export function openPickle (file: CheckpointFile, root: PickleValue): TensorSource {
  return pickledSource('pickle', file, root, ({ key }) => { throw unreadable(file.path, `storage ${show(key)} is nowhere in a plain pickle`) })
}
