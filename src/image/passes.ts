import { PASSES_WASM } from './kernel/passes-wasm.js'
import type { Taps } from './taps.js'

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer, grow (pages: number): number }
  horizontal (data: number, stride: number, rows: number, ...tapsThenOut: PlacedTaps): void
  vertical (data: number, stride: number, rowBytes: number, ...tapsThenOut: PlacedTaps): void
}
/** Addresses of from, count and weights, weights an output, outputs; then the address of the output. */
type PlacedTaps = [number, number, number, number, number, number]

// @types/node leaves WebAssembly to the DOM's types, which a server has no other use for.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => unknown
  Instance: new (module: unknown) => { readonly exports: unknown }
}

const { memory, horizontal, vertical } = new WebAssembly.Instance(new WebAssembly.Module(PASSES_WASM)).exports as Kernel
const PAGE = 65536
/** How far behind a buffer the kernel may read and write. */
const SLACK = 15
/** Source pixels are copied to the kernel's memory in strips that stay in the processor's cache. */
const STRIP_BYTES = 256 * 1024

/**
 * Resizes along x, then along y.
 * @param pixels RGB from the taps' first column and row on; rows are `stride` bytes apart
 * @returns RGB rows without gaps, in memory that the next call overwrites
 */
export function horizontalFirst (pixels: Uint8Array, stride: number, columns: Taps, rows: Taps): Uint8Array {
  const rowBytes = columns.from.length * 3
  const strip = Math.min(rows.span, Math.max(1, Math.floor(STRIP_BYTES / stride)))
  const [x, y, input, between, out] = reserve(tapBytes(columns), tapBytes(rows), strip * stride, rows.span * rowBytes, rows.from.length * rowBytes)
  for (let row = 0; row < rows.span; row += strip) {
    const count = Math.min(strip, rows.span - row)
    write(input, pixels.subarray(row * stride, (row + count) * stride))
    horizontal(input, stride, count, ...placeTaps(columns, x, between + row * rowBytes))
  }
  vertical(between, rowBytes, rowBytes, ...placeTaps(rows, y, out))
  return new Uint8Array(memory.buffer, out, rows.from.length * rowBytes)
}

/** Resizes along y, then along x; otherwise as `horizontalFirst`. */
export function verticalFirst (pixels: Uint8Array, stride: number, columns: Taps, rows: Taps): Uint8Array {
  const rowBytes = columns.span * 3
  const outBytes = rows.from.length * columns.from.length * 3
  const [x, y, input, between, out] = reserve(tapBytes(columns), tapBytes(rows), rows.span * stride, rows.from.length * rowBytes, outBytes)
  write(input, pixels.subarray(0, rows.span * stride))
  vertical(input, stride, rowBytes, ...placeTaps(rows, y, between))
  horizontal(between, rowBytes, rows.from.length, ...placeTaps(columns, x, out))
  return new Uint8Array(memory.buffer, out, outBytes)
}

/** Addresses of buffers of these sizes, one behind the other from 0 on. */
function reserve<Sizes extends number[]> (...sizes: Sizes): { [K in keyof Sizes]: number } {
  let end = 0
  const addresses = sizes.map(size => {
    const at = end
    end += Math.ceil((size + SLACK) / 16) * 16
    return at
  })
  const missing = end - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE))
  return addresses as { [K in keyof Sizes]: number }
}

function tapBytes ({ from, count, weights }: Taps): number {
  return from.byteLength + count.byteLength + weights.byteLength
}

function placeTaps ({ from, count, weights, stride }: Taps, at: number, out: number): PlacedTaps {
  const words = new Int32Array(memory.buffer, at)
  words.set(from)
  words.set(count, from.length)
  words.set(weights, from.length * 2)
  return [at, at + from.byteLength, at + from.byteLength * 2, stride, from.length, out]
}

function write (at: number, bytes: Uint8Array): void {
  new Uint8Array(memory.buffer, at).set(bytes)
}
