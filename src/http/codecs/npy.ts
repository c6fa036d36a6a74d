import { bytesOf, type NamedArray } from './array.js'

const DESCRIPTIONS = { uint8: '|u1', float16: '<f2', float32: '<f4' } as const
const MAGIC = '\x93NUMPY\x01\x00'

/** A numpy .npy file, version 1.0: magic, header length, header padded so that the data begins at a multiple of 64. */
export function encodeNpy (array: NamedArray): Buffer {
  const shape = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(', ')
  const header = `{'descr': '${DESCRIPTIONS[array.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`
  const length = Math.ceil((MAGIC.length + 2 + header.length + 1) / 64) * 64 - MAGIC.length - 2
  const lengthField = Buffer.alloc(2)
  lengthField.writeUInt16LE(length)
  return Buffer.concat([Buffer.from(MAGIC, 'latin1'), lengthField, Buffer.from(`${header.padEnd(length - 1)}\n`, 'latin1'), bytesOf(array)])
}
