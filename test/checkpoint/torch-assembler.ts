import { crc32 } from 'node:zlib'
import { LEGACY_MAGIC } from '../../src/checkpoint/formats/torch-legacy.js'
import { globalName, op, pickle, text, u32, u64, type Piece } from './pickle-assembler.js'

/** What a record may be given other than its bytes. */
export interface RecordOptions { method?: number, flags?: number, crc?: number, size?: number, header?: number }

/** A zip of stored records, written by hand so that it may lie. */
export function zip (records: Array<[name: string, bytes: Uint8Array, options?: RecordOptions]>): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let position = 0
  for (const [name, bytes, { method = 0, flags = 0, crc = crc32(bytes), size = bytes.length, header = position } = {}] of records) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50)
    local.writeUInt16LE(name.length, 26)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50)
    central.writeUInt16LE(flags, 8)
    central.writeUInt16LE(method, 10)
    central.writeUInt32LE(crc, 16)
    central.writeUInt32LE(size, 20)
    central.writeUInt32LE(size, 24)
    central.writeUInt16LE(name.length, 28)
    central.writeUInt32LE(header, 42)
    parts.push(local, Buffer.from(name), Buffer.from(bytes))
    directory.push(central, Buffer.from(name))
    position += 30 + name.length + bytes.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(records.length, 8)
  end.writeUInt16LE(records.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(position, 16)
  return Buffer.concat([...parts, ...directory, end])
}

export interface TensorPieces { storage?: string, key?: string, length?: number, view?: Piece[], offset?: number, size?: number[], stride?: number[], metadata?: Piece[] }

const tuple = (values: number[]): Uint8Array => Buffer.concat([op('MARK'), ...values.map(value => Buffer.concat([op('BININT'), u32(value)])), op('TUPLE')])

/** `{'a': tensor}`, rebuilt from storage '0' of four floats unless said otherwise. */
export function tensorPickle ({ storage = 'FloatStorage', key = '0', length = 4, view, offset = 0, size = [4], stride = [1], metadata = [] }: TensorPieces = {}): Buffer {
  return pickle(
    op('EMPTY_DICT'), text('a'), globalName('torch._utils', '_rebuild_tensor_v2'), op('MARK'),
    op('MARK'), text('storage'), globalName('torch', storage), text(key), text('cpu'), op('BININT'), u32(length), ...view ?? [], op('TUPLE'), op('BINPERSID'),
    op('BININT'), u32(offset), tuple(size), tuple(stride), op('NEWFALSE'), globalName('collections', 'OrderedDict'), op('EMPTY_TUPLE'), op('REDUCE'), ...metadata,
    op('TUPLE'), op('REDUCE'), op('SETITEM'))
}

/** The legacy format around an object's pickle: storages by key, each with the number of elements it claims. */
export function legacy (object: Buffer, storages: Array<[key: string, elements: number, bytes: Uint8Array]>, { protocol = 1001, littleEndian = true } = {}): Buffer {
  return Buffer.concat([
    LEGACY_MAGIC,
    pickle(op('BININT'), u32(protocol)),
    pickle(op('EMPTY_DICT'), text('little_endian'), op(littleEndian ? 'NEWTRUE' : 'NEWFALSE'), op('SETITEM')),
    object,
    pickle(op('EMPTY_LIST'), op('MARK'), ...storages.map(([key]) => text(key)), op('APPENDS')),
    ...storages.flatMap(([, elements, bytes]) => [u64(BigInt(elements)), Buffer.from(bytes)])
  ])
}
