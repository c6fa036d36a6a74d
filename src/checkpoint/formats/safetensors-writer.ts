import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { toHalf } from '../../model/float16.js'
import { ITEM_SIZE } from './elements.js'
import { DTYPE_NAMES } from './safetensors.js'

/** A tensor to be written; its values are asked for when its turn comes, so that only one is in memory at a time. */
export interface TensorToWrite {
  readonly shape: readonly number[]
  read (): Float32Array
}

/**
 * Writes a safetensors file of f32 (or f16) tensors beside `file` and renames it into place, so that a reader never
 * sees half a file. Tensors are laid out in the order of their names.
 * @throws the file system's own error; nothing is left behind then
 */
export function writeSafetensors (
  file: string,
  tensors: ReadonlyMap<string, TensorToWrite>,
  options: { dtype?: 'f32' | 'f16', metadata?: Readonly<Record<string, string>> } = {}
): void {
  const dtype = options.dtype ?? 'f32'
  const sorted = [...tensors].sort(([a], [b]) => a < b ? -1 : 1)
  const partial = `${file}.${process.pid}.partial`
  const fd = openSync(partial, 'wx')
  try {
    try {
      writeAll(fd, headerBytes(sorted, dtype, options.metadata ?? {}))
      for (const [, tensor] of sorted) {
        const values = dtype === 'f16' ? toHalf(tensor.read()) : tensor.read()
        writeAll(fd, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      }
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

function headerBytes (tensors: Array<[string, TensorToWrite]>, dtype: 'f32' | 'f16', metadata: Readonly<Record<string, string>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  let begin = 0
  for (const [name, { shape }] of tensors) {
    const end = begin + shape.reduce((product, size) => product * size, ITEM_SIZE[dtype])
    header[name] = { dtype: DTYPE_NAMES[dtype], shape, data_offsets: [begin, end] }
    begin = end
  }
  const json = JSON.stringify(header)
  // Padding with spaces to a multiple of 8 keeps the data aligned, as the reference writer does.
  const padded = Buffer.from(json + ' '.repeat(7 - (Buffer.byteLength(json) + 7) % 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return Buffer.concat([length, padded])
}

function writeAll (fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done)
}
