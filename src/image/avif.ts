import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import openDecoder, { type AVIFModule } from '@jsquash/avif/codec/dec/avif_dec.js'

const CODEC = createRequire(import.meta.url).resolve('@jsquash/avif/codec/dec/avif_dec.wasm')
/** A decoder's memory never shrinks: after an image larger than this it is thrown away. */
const KEPT_PIXELS = 4_000_000
/** How far into a file its boxes are looked for. */
const HEAD = 4096
const MONOCHROME = 0x10
const SUBSAMPLED_X = 0x08

let decoder: Promise<AVIFModule> | undefined

/**
 * Whether the colour of a file is stored at less than full size and has to be interpolated, as Pillow's libavif does and sharp's
 * libheif does not. Not those that say to be turned or mirrored: libheif does that, this decoder leaves it.
 */
export function needsInterpolation (file: Uint8Array): boolean {
  const head = Buffer.from(file.buffer, file.byteOffset, Math.min(HEAD, file.byteLength))
  if (head.includes('irot') || head.includes('imir')) return false
  for (let box = head.indexOf('av1C'); box >= 0; box = head.indexOf('av1C', box + 4)) {
    // The AV1 codec configuration's third byte: an alpha plane is monochrome and has none.
    const flags = head[box + 6] ?? 0
    if ((flags & MONOCHROME) === 0 && (flags & SUBSAMPLED_X) !== 0) return true
  }
  return false
}

/**
 * RGB bytes, [height, width, 3], by libavif as WebAssembly: within 3 levels of Pillow, see bench/README.md. Preparing an image takes about twice as long as with libheif.
 * @throws Error when the file is damaged or has another size
 */
export async function decodeAvif (file: Uint8Array, { width, height }: { width: number, height: number }): Promise<Uint8Array<ArrayBuffer>> {
  const opened = decoder ??= openDecoder({ noInitialRun: true, wasmBinary: readFileSync(CODEC), print: () => {}, printErr: () => {} })
  try {
    const found = (await opened).decode(Uint8Array.from(file).buffer, 8)
    if (found === null) throw new Error('libavif cannot read it')
    if (found.width !== width || found.height !== height) throw new Error(`its header says ${width}x${height}, its image is ${found.width}x${found.height}`)
    if (width * height > KEPT_PIXELS) decoder = undefined
    return withoutAlpha(found.data)
  } catch (error) {
    decoder = undefined // what a failed one holds is never freed
    throw error
  }
}

function withoutAlpha (rgba: Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(rgba.length / 4 * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!
    rgb[to + 1] = rgba[from + 1]!
    rgb[to + 2] = rgba[from + 2]!
  }
  return rgb
}
