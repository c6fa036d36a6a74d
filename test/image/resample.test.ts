import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import t from 'tap'
import { decode, readHeader } from '../../src/image/decode.js'
import { resample, type Box, type Raster } from '../../src/image/resample.js'
import { taps } from '../../src/image/taps.js'
import type { Interpolation } from '../../src/model/preprocess.js'
import { file, resizeCases } from './goldens.js'

t.test('every pixel equals Pillow, whole and cropped, shrinking and enlarging', async t => {
  const sources = new Map<string, Raster>()
  for (const name of new Set(resizeCases.map(({ source }) => source))) sources.set(name, await decode(await readHeader(file(name), false)))
  for (const { source, width, height, crop, interpolation, sha256 } of resizeCases) {
    const result = resample(sources.get(source)!, width, height, crop, interpolation)
    t.equal(createHash('sha256').update(result).digest('hex'), sha256, `${source} -> ${width}x${height} ${interpolation} ${JSON.stringify(crop)}`)
  }
})

t.test('equals the plain loops over any size', async t => {
  const random = generator(5)
  for (let i = 0; i < 60; i++) {
    const [width, height] = [1 + random() % 150, 1 + random() % 150]
    const source = noise(1 + random() % 150, 1 + random() % 150, random)
    const crop = part(width, height, random)
    const filter = random() % 2 === 0 ? 'bicubic' : 'bilinear'
    t.ok(Buffer.from(resample(source, width, height, crop, filter)).equals(plain(source, width, height, crop, filter)), `${source.width}x${source.height} -> ${width}x${height} ${filter}`)
  }
})

t.test('equals the plain loops where the source goes through in strips and the result in bands', async t => {
  const random = generator(6)
  for (const [from, to] of [[[900, 400], [450, 200]], [[90, 9000], [80, 60]], [[400, 700], [900, 1600]], [[1000, 1500], [1010, 1495]]] as const) {
    const source = noise(from[0], from[1], random)
    const crop = { x: 3, y: 5, width: to[0] - 4, height: to[1] - 6 }
    t.ok(Buffer.from(resample(source, to[0], to[1], crop, 'bicubic')).equals(plain(source, to[0], to[1], crop, 'bicubic')), `${from} -> ${to}`)
  }
})

t.test('the result is an array of its own', async t => {
  const source = noise(20, 20, generator(1))
  const first = resample(source, 10, 10, { x: 0, y: 0, width: 10, height: 10 }, 'bicubic')
  const before = Uint8Array.from(first)
  resample(noise(20, 20, generator(2)), 10, 10, { x: 0, y: 0, width: 10, height: 10 }, 'bicubic')
  t.same(first, before)
  t.equal(first.buffer.byteLength, 300)
})

t.test('the assembled kernel is up to date', async t => {
  t.doesNotThrow(() => execFileSync(process.execPath, ['src/image/kernel/assemble.js', '--check']))
})

/** The two passes as Pillow's C has them, without SIMD, strips or bands. */
function plain (source: Raster, width: number, height: number, crop: Box, filter: Interpolation): Uint8Array {
  const columns = taps(source.width, width, crop.x, crop.width, filter)
  const rows = taps(source.height, height, crop.y, crop.height, filter)
  const pass = (data: Uint8Array, at: (i: number, k: number, j: number) => number, outs: number, others: number, { from, count, weights, stride, first }: typeof rows, to: (i: number, j: number) => number): Uint8Array => {
    const out = new Uint8ClampedArray(outs * others)
    for (let i = 0; i < outs; i++) {
      for (let j = 0; j < others; j++) {
        let sum = 1 << 21
        for (let k = 0; k < count[i]!; k++) sum += data[at(i, first + from[i]! + k, j)]! * weights[i * stride + k]!
        out[to(i, j)] = sum >> 22
      }
    }
    return new Uint8Array(out.buffer)
  }
  // j runs over rows and channels of the horizontal pass, over columns and channels of the vertical one.
  const horizontal = (data: Uint8Array, inWidth: number, lines: number): Uint8Array => pass(data, (_, k, j) => (Math.floor(j / 3) * inWidth + k) * 3 + j % 3, crop.width, lines * 3, columns, (i, j) => (Math.floor(j / 3) * crop.width + i) * 3 + j % 3)
  const vertical = (data: Uint8Array, inWidth: number): Uint8Array => pass(data, (_, k, j) => k * inWidth * 3 + j, crop.height, inWidth * 3, rows, (i, j) => i * inWidth * 3 + j)
  if (height < source.height && source.height - height > 2 * (source.width - width)) return horizontal(vertical(source.data, source.width), source.width, crop.height)
  return vertical(horizontal(source.data, source.width, source.height), crop.width)
}

function noise (width: number, height: number, random: () => number): Raster {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random() % 7 < 2 ? 255 * (random() % 2) : random() % 256) }
}

function part (width: number, height: number, random: () => number): Box {
  const x = random() % width
  const y = random() % height
  return { x, y, width: 1 + random() % (width - x), height: 1 + random() % (height - y) }
}

function generator (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
}
