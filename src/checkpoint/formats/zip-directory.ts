import { crc32 } from 'node:zlib'
import { show } from '../../errors.js'
import { unreadable, type CheckpointFile } from './checkpoint-file.js'

/** A stored (not compressed) file inside a zip. */
export interface ZipRecord {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** File offset of the local header. */
  readonly header: number
  /** CRC-32 of the bytes; 0 where the writer left it out, as PyTorch can be told to. */
  readonly crc: number
}

const END_SIZE = 22
/** A zip's comment is at most 65,535 bytes long. */
const LONGEST_END = END_SIZE + 0xffff
const LOCATOR_SIZE = 20
const END64_SIZE = 56
const ENTRY_SIZE = 46
const LOCAL_SIZE = 30
/** Some 600,000 records; the largest published checkpoint has 2,000. */
const LARGEST_DIRECTORY = 64 * 1024 * 1024

/**
 * The records of a zip by name, from its central directory: local headers may have zeros for sizes and checksums.
 * @throws ServiceError checkpoint_unreadable for a broken, encrypted or compressed zip, or two records of one name
 */
export function readZipDirectory (file: CheckpointFile): Map<string, ZipRecord> {
  const { entries, size, offset } = findDirectory(file)
  if (size > LARGEST_DIRECTORY) throw unreadable(file.path, `zip directory must have at most ${LARGEST_DIRECTORY} bytes, received ${size}`)
  const directory = file.read(offset, size)
  const records = new Map<string, ZipRecord>()
  let position = 0
  for (let index = 0; index < entries; index++) {
    const { record, end } = readEntry(file, directory, position)
    if (records.has(record.name)) throw unreadable(file.path, `zip has two records named ${show(record.name)}`)
    records.set(record.name, record)
    position = end
  }
  if (position !== size) throw unreadable(file.path, `zip directory has ${size} bytes, its ${entries} records take ${position}`)
  return records
}

/** File offset of a record's first byte: the local header's name and extra field have lengths of their own (PyTorch pads with the latter). */
export function zipDataStart (file: CheckpointFile, { name, size, header }: ZipRecord): number {
  const local = file.read(header, LOCAL_SIZE)
  const nameLength = local.readUInt16LE(26)
  const start = header + LOCAL_SIZE + nameLength + local.readUInt16LE(28)
  const same = local.readUInt32LE(0) === 0x04034b50 && file.read(header + LOCAL_SIZE, nameLength).toString('utf8') === name
  if (!same || start + size > file.size) throw unreadable(file.path, `zip record ${show(name)} is not at byte ${header}, where the directory says`)
  return start
}

/**
 * Compares a record's bytes with its checksum, where it has one.
 * @param parts the whole record, in order
 * @throws ServiceError checkpoint_unreadable when they differ: a bit flipped on some disk or wire
 */
export function checkZipRecord (file: CheckpointFile, { name, crc }: ZipRecord, parts: Iterable<Uint8Array>): void {
  if (crc === 0) return
  let computed = 0
  for (const part of parts) computed = crc32(part, computed)
  if (computed !== crc) throw unreadable(file.path, `zip record ${show(name)} is damaged: its checksum must be ${crc.toString(16)}, received ${computed.toString(16)}`)
}

function findDirectory (file: CheckpointFile): { entries: number, size: number, offset: number } {
  const tailStart = Math.max(0, file.size - LONGEST_END)
  const tail = file.read(tailStart, file.size - tailStart)
  let end = tail.length - END_SIZE
  while (end >= 0 && !(tail.readUInt32LE(end) === 0x06054b50 && end + END_SIZE + tail.readUInt16LE(end + 20) === tail.length)) end--
  if (end < 0) throw unreadable(file.path, 'zip has no end record: the file is cut short')
  const locator = end - LOCATOR_SIZE
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    const end64 = file.read(number64(tail, locator + 8), END64_SIZE)
    if (end64.readUInt32LE(0) !== 0x06064b50) throw unreadable(file.path, 'zip64 end record is not where its locator says')
    return { entries: number64(end64, 32), size: number64(end64, 40), offset: number64(end64, 48) }
  }
  return { entries: tail.readUInt16LE(end + 10), size: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) }
}

function readEntry (file: CheckpointFile, directory: Buffer, start: number): { record: ZipRecord, end: number } {
  if (start + ENTRY_SIZE > directory.length || directory.readUInt32LE(start) !== 0x02014b50) throw unreadable(file.path, `zip directory is broken at its byte ${start}`)
  const nameEnd = start + ENTRY_SIZE + directory.readUInt16LE(start + 28)
  const extraEnd = nameEnd + directory.readUInt16LE(start + 30)
  const end = extraEnd + directory.readUInt16LE(start + 32)
  if (end > directory.length) throw unreadable(file.path, `zip directory is broken at its byte ${start}`)
  const name = directory.toString('utf8', start + ENTRY_SIZE, nameEnd)
  if ((directory.readUInt16LE(start + 8) & 1) === 1) throw unreadable(file.path, `zip record ${show(name)} is encrypted`)
  const method = directory.readUInt16LE(start + 10)
  if (method !== 0) throw unreadable(file.path, `zip record ${show(name)} must be stored, received compression method ${method}: PyTorch never compresses`)
  const wide = wideFields(directory.subarray(nameEnd, extraEnd))
  const field = (offset: number): number => {
    const value = directory.readUInt32LE(start + offset)
    return value === 0xffffffff ? wide.shift() ?? value : value
  }
  // The zip64 extra field holds those that did not fit, in this order.
  const size = field(24)
  const stored = field(20)
  const header = field(42)
  if (stored !== size) throw unreadable(file.path, `zip record ${show(name)} has ${size} bytes, but ${stored} are stored`)
  return { record: { name, size, header, crc: directory.readUInt32LE(start + 16) }, end }
}

/** The 64-bit numbers of the zip64 extra field, [] without one. */
function wideFields (extra: Buffer): number[] {
  for (let position = 0; position + 4 <= extra.length;) {
    const size = extra.readUInt16LE(position + 2)
    const end = Math.min(position + 4 + size, extra.length)
    if (extra.readUInt16LE(position) === 1) {
      return Array.from({ length: Math.floor((end - position - 4) / 8) }, (_, index) => number64(extra, position + 4 + 8 * index))
    }
    position = end
  }
  return []
}

function number64 (bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset))
}
