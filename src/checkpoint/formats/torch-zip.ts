import { show } from '../../errors.js'
import { unpickle } from '../pickle/unpickle.js'
import type { TensorSource } from '../tensor-source.js'
import { unreadable, type CheckpointFile } from './checkpoint-file.js'
import { pickledSource } from './pickled-source.js'
import type { Storage } from './strided.js'
import { STORAGE_CLASSES, type StorageReference } from './torch-tensors.js'
import { checkZipRecord, readZipDirectory, zipDataStart, type ZipRecord } from './zip-directory.js'

const CHUNK = 1 << 20

/**
 * PyTorch's format since 1.6: a zip of `<prefix>/data.pkl` and a record `<prefix>/data/<key>` for each storage.
 * @throws ServiceError checkpoint_unreadable; TorchScript is refused by name
 */
export function openTorchZip (file: CheckpointFile): TensorSource {
  const records = readZipDirectory(file)
  const pickle = [...records.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickle === undefined) throw unreadable(file.path, `expected a zip with <name>/data.pkl as torch.save writes it, found ${[...records.keys()].slice(0, 3).join(', ') || 'no records'}`)
  const prefix = pickle.name.slice(0, -'data.pkl'.length)
  if (records.has(`${prefix}constants.pkl`)) throw unreadable(file.path, 'is a TorchScript archive (constants.pkl); save the module\'s state_dict() instead')
  checkByteOrder(file, records.get(`${prefix}byteorder`))

  const start = zipDataStart(file, pickle)
  checkZipRecord(file, pickle, chunks(file, start, pickle.size))
  const { root } = unpickle(file, start, start + pickle.size)
  const opened = new Map<string, Storage>()
  return pickledSource('torch-zip', file, root, reference => {
    const id = `${reference.className} ${reference.length} ${reference.key}`
    const storage = opened.get(id) ?? openStorage(file, records.get(`${prefix}data/${reference.key}`), reference)
    opened.set(id, storage)
    return storage
  })
}

function checkByteOrder (file: CheckpointFile, record: ZipRecord | undefined): void {
  if (record === undefined) return
  const order = file.read(zipDataStart(file, record), Math.min(record.size, 16)).toString('latin1')
  if (order !== 'little') throw unreadable(file.path, `byteorder must be little, received ${show(order)}`)
}

function openStorage (file: CheckpointFile, record: ZipRecord | undefined, { className, key, length }: StorageReference): Storage {
  const { dtype, itemSize } = STORAGE_CLASSES[className]!
  if (record === undefined) throw unreadable(file.path, `storage ${show(key)} is not in the zip`)
  if (dtype === undefined) throw unreadable(file.path, `storage ${show(key)} is ${className}, which holds no network weights`)
  if (record.size !== length * itemSize) throw unreadable(file.path, `storage ${show(key)} must have ${length * itemSize} bytes, received ${record.size}`)
  const start = zipDataStart(file, record)
  return {
    dtype,
    length,
    read (first, count) {
      const bytes = file.read(start + first * itemSize, count * itemSize)
      if (count === length) checkZipRecord(file, record, [bytes])
      return bytes
    }
  }
}

/** data.pkl may hold numpy arrays of any size, so it is never in memory as a whole. */
function * chunks (file: CheckpointFile, start: number, size: number): Generator<Uint8Array> {
  for (let done = 0; done < size; done += CHUNK) yield file.read(start + done, Math.min(CHUNK, size - done))
}
