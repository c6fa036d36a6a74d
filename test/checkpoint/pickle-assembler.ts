import { Op } from '../../src/checkpoint/pickle/opcodes.js'

/** Pieces of a pickle, put together by hand: what no honest pickler writes. */
export type Piece = number | Uint8Array

export const op = (opcode: keyof typeof Op, ...operand: number[]): Uint8Array => Uint8Array.of(Op[opcode], ...operand)

export function globalName (module: string, name: string): Uint8Array {
  return Buffer.concat([op('GLOBAL'), Buffer.from(`${module}\n${name}\n`)])
}

export function text (value: string): Uint8Array {
  return Buffer.concat([op('BINUNICODE'), u32(Buffer.byteLength(value)), Buffer.from(value)])
}

export function u32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64 (value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** PROTO 2, the pieces, STOP. */
export function pickle (...pieces: Piece[]): Buffer {
  return Buffer.concat([op('PROTO', 2), ...pieces.map(piece => typeof piece === 'number' ? Uint8Array.of(piece) : piece), op('STOP')])
}

/** A numpy array of float32 that makes the pickle a checkpoint, left on the stack. */
export function array (values: number[]): Uint8Array {
  const data = Buffer.from(Float32Array.from(values).buffer)
  return Buffer.concat([
    globalName('numpy.core.multiarray', '_reconstruct'), op('EMPTY_TUPLE'), op('REDUCE'),
    op('MARK'), op('BININT1', 1), op('BININT1', values.length), op('TUPLE1'),
    globalName('numpy', 'dtype'), text('f4'), op('TUPLE1'), op('REDUCE'),
    op('MARK'), op('BININT1', 3), text('<'), op('TUPLE'), op('BUILD'),
    op('NEWFALSE'), op('BINBYTES'), u32(data.length), data, op('TUPLE'), op('BUILD')
  ])
}

/** A dict of one array and of `extra`, a key's and a value's pieces in turn. */
export function checkpointWith (...extra: Piece[]): Buffer {
  return pickle(op('EMPTY_DICT'), op('MARK'), text('a'), array([1, 2]), ...extra, op('SETITEMS'))
}
