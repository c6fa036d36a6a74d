import { show } from '../../errors.js'
import type { StoredType, TensorInfo, TensorSource } from '../tensor-source.js'
import { CheckpointFile, unreadable } from './checkpoint-file.js'
import { ITEM_SIZE, toFloat32 } from './elements.js'

/** The same limit as the reference implementation: a longer header is an attack or not a safetensors file. */
const MAX_HEADER_BYTES = 100_000_000

/** The format's names of the element types; others (unsigned words, 8-bit floats) hold no network weights. */
export const DTYPE_NAMES: Readonly<Record<StoredType, string>> = {
  f64: 'F64', f32: 'F32', f16: 'F16', bf16: 'BF16', i64: 'I64', i32: 'I32', i16: 'I16', i8: 'I8', u8: 'U8', bool: 'BOOL'
}
const DTYPES = new Map(Object.entries(DTYPE_NAMES).map(([type, name]) => [name, type as StoredType]))

interface Entry extends TensorInfo {
  /** Relative to the first byte behind the header. */
  readonly begin: number
  readonly end: number
}

/**
 * Reads a safetensors file strictly: u64 header length, a JSON header, and tensors that tile the rest of the file
 * without a hole or an overlap (https://github.com/huggingface/safetensors#format). Takes over `file` and closes it.
 * @throws ServiceError checkpoint_unreadable naming the file, the tensor and what is wrong with it
 */
export function openSafetensors (file: CheckpointFile): TensorSource {
  const { entries, dataStart } = readHeader(file)
  return {
    format: 'safetensors',
    file: file.path,
    tensors: entries,
    wrappers: [],
    read (name) {
      const entry = entries.get(name)
      if (entry === undefined) throw unreadable(file.path, `has no tensor ${show(name)}`)
      return toFloat32(file.read(dataStart + entry.begin, entry.end - entry.begin), entry.dtype)
    },
    close: () => file.close()
  }
}

function readHeader (file: CheckpointFile): { entries: Map<string, Entry>, dataStart: number } {
  const length = Number(file.read(0, 8).readBigUInt64LE())
  if (length > MAX_HEADER_BYTES) throw unreadable(file.path, `header must have at most ${MAX_HEADER_BYTES} bytes, its length field says ${length}`)
  const header = parseHeader(file, length)
  const entries = new Map<string, Entry>()
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.set(name, readEntry(file.path, name, value))
  }
  checkTiling(file.path, entries, file.size - 8 - length)
  return { entries, dataStart: 8 + length }
}

function parseHeader (file: CheckpointFile, length: number): object {
  let header: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(file.read(8, length))
    header = JSON.parse(text)
  } catch (error) {
    throw unreadable(file.path, `header is not JSON: ${(error as Error).message}`, error)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw unreadable(file.path, `header must be a JSON object, received ${show(JSON.stringify(header))}`)
  }
  return header
}

function readEntry (file: string, name: string, value: unknown): Entry {
  const refuse = (field: string, expected: string, received: unknown): never => {
    throw unreadable(file, `${field} of tensor ${show(name)} must be ${expected}, received ${show(JSON.stringify(received))}`)
  }
  const { dtype: typeName, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  const dtype = DTYPES.get(String(typeName)) ?? refuse('dtype', `one of ${[...DTYPES.keys()].join(', ')}`, typeName)
  if (!isSizes(shape)) return refuse('shape', 'a list of whole numbers', shape)
  if (!isSizes(offsets) || offsets.length !== 2) return refuse('data_offsets', 'two whole numbers', offsets)
  const [begin, end] = offsets as [number, number]
  const expected = shape.reduce((product, size) => product * size, ITEM_SIZE[dtype])
  if (end - begin !== expected) refuse('data_offsets', `${expected} bytes apart for ${String(typeName)} [${shape.join(', ')}]`, offsets)
  return { dtype, shape, begin, end }
}

function isSizes (value: unknown): value is number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)
}

function checkTiling (file: string, entries: ReadonlyMap<string, Entry>, dataBytes: number): void {
  let position = 0
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      const fault = begin < position ? 'overlaps the tensor before it' : 'leaves a hole'
      throw unreadable(file, `data of tensor ${show(name)} ${fault}: expected to begin at ${position}, received ${begin}`)
    }
    position = end
  }
  if (position !== dataBytes) throw unreadable(file, `tensors end at byte ${position} of the data, but the file holds ${dataBytes} bytes of data`)
}
