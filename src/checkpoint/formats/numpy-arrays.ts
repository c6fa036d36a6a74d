import { Call, describe, FileSlice, type PickleValue } from '../pickle/values.js'
import type { StoredType } from '../tensor-source.js'
import type { CheckpointFile } from './checkpoint-file.js'
import { ITEM_SIZE } from './elements.js'
import { contiguousStrides, stridedTensor, type StridedTensor } from './strided.js'
import { sizes } from './torch-tensors.js'

type Refuse = (message: string) => Error

/** numpy's type codes: kind and bytes. */
const TYPE_CODES: Readonly<Record<string, StoredType>> = {
  f8: 'f64', f4: 'f32', f2: 'f16', i8: 'i64', i4: 'i32', i2: 'i16', i1: 'i8', u1: 'u8', b1: 'bool'
}

/** numpy moved its core from numpy.core to numpy._core in version 2. */
const RECONSTRUCT = /^numpy\._?core\.multiarray\._reconstruct$/
const FROM_BUFFER = /^numpy\._?core\.numeric\._frombuffer$/

export function isNumpyArray (value: PickleValue | undefined): value is Call {
  return value instanceof Call && (RECONSTRUCT.test(value.path ?? '') || FROM_BUFFER.test(value.path ?? ''))
}

/** @throws the error `refuse` makes, when it is not an array of plain numbers with all its bytes */
export function numpyArray (file: CheckpointFile, value: Call, refuse: Refuse): StridedTensor {
  const { shape: size, dtype: type, fortran, payload } = FROM_BUFFER.test(value.path ?? '') ? fromBuffer(value) : reconstruct(value)
  const { dtype, bigEndian } = readType(type, refuse)
  const shape = sizes(size, refuse)
  const itemSize = ITEM_SIZE[dtype]
  const length = shape.reduce((product, side) => product * side, 1)
  const readBytes = openPayload(file, payload, length * itemSize, message => refuse(`[${shape.join(', ')}] of ${itemSize} bytes each, but ${message}`))
  const strides = fortran ? contiguousStrides(shape.toReversed()).reverse() : contiguousStrides(shape)
  const read = (start: number, count: number): Uint8Array<ArrayBuffer> => {
    const stretch = readBytes(start * itemSize, count * itemSize)
    return bigEndian ? reverseBytes(stretch, itemSize) : stretch
  }
  return stridedTensor({ dtype, length, read }, shape, strides, 0, refuse)
}

interface ArrayParts {
  readonly shape: PickleValue | undefined
  readonly dtype: PickleValue | undefined
  readonly fortran: boolean
  readonly payload: PickleValue | undefined
}

/** `_reconstruct(...)` then BUILD `(version, shape, dtype, fortran, bytes)` */
function reconstruct ({ state }: Call): ArrayParts {
  const [, shape, dtype, fortran, payload] = Array.isArray(state) ? state : []
  return { shape, dtype, fortran: fortran === true || fortran === 1, payload }
}

/** Protocol 5: `_frombuffer(bytes, dtype, shape, order)` */
function fromBuffer ({ args }: Call): ArrayParts {
  const [payload, dtype, shape, order] = Array.isArray(args) ? args : []
  return { shape, dtype, fortran: order === 'F', payload }
}

/** `numpy.dtype('f4', False, True)` then BUILD `(3, '<', ...)` */
function readType (value: PickleValue | undefined, refuse: Refuse): { dtype: StoredType, bigEndian: boolean } {
  const call = value instanceof Call && value.path === 'numpy.dtype' ? value : undefined
  const [code] = Array.isArray(call?.args) ? call.args : []
  const [, order] = Array.isArray(call?.state) ? call.state : []
  const dtype = typeof code === 'string' && Object.hasOwn(TYPE_CODES, code) ? TYPE_CODES[code] : undefined
  if (dtype === undefined) throw refuse(`dtype must be one of ${Object.keys(TYPE_CODES).join(', ')}, received ${describe(code ?? value)}`)
  return { dtype, bigEndian: order === '>' }
}

/** Gives `count` bytes from `start` on, in a buffer of their own. */
type ReadBytes = (start: number, count: number) => Uint8Array<ArrayBuffer>

/** Bytes as protocol 3 and later have them, as Python 2's strings, or as the text protocol 2 makes of them; there must be `expected` of them. */
function openPayload (file: CheckpointFile, value: PickleValue | undefined, expected: number, refuse: Refuse): ReadBytes {
  const check = (length: number): void => {
    if (length !== expected) throw refuse(`${length} bytes of data`)
  }
  if (value instanceof FileSlice && !value.text) {
    check(value.length)
    return (start, count) => file.read(value.offset + start, count)
  }
  const encoded = value instanceof Call && value.path === '_codecs.encode' && Array.isArray(value.args) && value.args[1] === 'latin1'
  const text = encoded ? (value.args as PickleValue[])[0] : value
  if (typeof text === 'string') {
    const bytes = Buffer.from(text, 'latin1')
    check(bytes.toString('latin1') === text ? bytes.length : NaN)
    return (start, count) => new Uint8Array(bytes.subarray(start, start + count))
  }
  if (!(text instanceof FileSlice)) throw refuse(`${describe(value)} for its data`)
  // How many bytes the text stands for is only known once it is read.
  return (start, count) => {
    const bytes = file.read(text.offset, text.length)
    check(decodeText(bytes))
    return bytes.subarray(start, start + count)
  }
}

/**
 * Turns the UTF-8 text of characters up to U+00FF into the bytes it stands for, in place, since it only shrinks: V-99 has 370 MB
 * of it, and a string on the way would cost several times as long.
 * @returns how many bytes there are, NaN for text with other characters
 */
function decodeText (bytes: Uint8Array): number {
  let length = 0
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!
    if (byte < 0x80) {
      bytes[length++] = byte
      continue
    }
    const next = bytes[++index] ?? 0
    if ((byte & 0xfe) !== 0xc2 || (next & 0xc0) !== 0x80) return NaN
    bytes[length++] = (byte & 3) << 6 | (next & 0x3f)
  }
  return length
}

function reverseBytes (bytes: Uint8Array<ArrayBuffer>, itemSize: number): Uint8Array<ArrayBuffer> {
  for (let start = 0; start < bytes.length; start += itemSize) bytes.subarray(start, start + itemSize).reverse()
  return bytes
}
