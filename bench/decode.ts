/**
 * What preparing a JPEG costs in processor time (all threads together), exact against fast, and how far fast is from exact.
 *
 *     npm run build:test && node build/bench/decode.js [folder of photos]
 *
 * Photos are brought to each size in memory (JPEG quality 90): enlarged, and therefore soft, or tiled with copies of
 * themselves, and therefore as sharp as no camera is. Without a folder one drawn picture is used.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { decode, readHeader } from '../src/image/decode.js'
import { prepare } from '../src/image/prepare.js'
import type { Geometry } from '../src/model/preprocess.js'

const PHOTOS = 8
const ROUNDS = 5
const SIZES = [
  { name: '500x375', width: 500, height: 375, tiled: false },
  { name: '2000x1500 enlarged', width: 2000, height: 1500, tiled: false },
  { name: '4000x3000 enlarged', width: 4000, height: 3000, tiled: false },
  { name: '4000x3000 tiled', width: 4000, height: 3000, tiled: true }
]
const crop: Geometry = {
  resize: 'crop', width: 224, height: 224, cropPct: 0.875, longest: undefined, rounding: 'truncate', interpolation: 'bicubic', fill: [0, 0, 0]
}
const TARGETS: Record<string, Geometry> = {
  'crop 224': crop,
  'crop 56': { ...crop, width: 56, height: 56 },
  'short edge 800': { ...crop, resize: 'short-edge', width: 800, height: 800, longest: 1333, interpolation: 'bilinear' }
}

async function photos (folder: string | undefined, { width, height, tiled }: typeof SIZES[number]): Promise<Buffer[]> {
  const files = folder === undefined
    ? [await drawn()]
    : readdirSync(folder).filter(name => name.endsWith('.jpg')).slice(0, PHOTOS).map(name => readFileSync(join(folder, name)))
  return await Promise.all(files.map(async file => {
    if (!tiled) return await sharp(file).resize(width, height).jpeg({ quality: 90 }).toBuffer()
    const input = await sharp(file).resize(500, 375).png().toBuffer()
    return await sharp({ create: { width, height, channels: 3, background: 'black' } }).composite([{ input, tile: true }]).jpeg({ quality: 90 }).toBuffer()
  }))
}

async function drawn (): Promise<Buffer> {
  const data = Buffer.alloc(500 * 375 * 3)
  for (let i = 0; i < data.length; i++) {
    const x = Math.floor(i / 3) % 500
    const y = Math.floor(i / 1500)
    data[i] = 127 + 60 * Math.sin(x / (9 + i % 3)) * Math.cos(y / 7) + (x * y * 7919 % 97) / 2
  }
  return await sharp(data, { raw: { width: 500, height: 375, channels: 3 } }).png().toBuffer()
}

/** The median over rounds of the mean processor time over photos, in ms. */
async function timed (files: Buffer[], work: (file: Buffer) => Promise<unknown>): Promise<string> {
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const start = process.cpuUsage()
    for (const file of files) await work(file)
    const { user, system } = process.cpuUsage(start)
    rounds.push((user + system) / 1000 / files.length)
  }
  return rounds.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(1)
}

console.log('| photo | decode alone, CPU ms | to | exact | fast | fast: largest and mean difference, levels |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const size of SIZES) {
  const files = await photos(process.argv[2], size)
  const alone = await timed(files, async file => await decode(await readHeader(file, true)))
  for (const [name, geometry] of Object.entries(TARGETS)) {
    const run = async (bytes: Buffer, mode: 'exact' | 'fast') => await prepare({ bytes, geometry, autoorient: true }, { mode, maxPixels: 1e8, maxInputPixels: 1e8 })
    let [max, sum, count] = [0, 0, 0]
    for (const file of files) {
      const [exact, fast] = [await run(file, 'exact'), await run(file, 'fast')]
      for (let i = 0; i < exact.data.length; i++) {
        const levels = Math.abs(exact.data[i]! - fast.data[i]!)
        max = Math.max(max, levels)
        sum += levels
      }
      count += exact.data.length
    }
    const exact = await timed(files, async file => await run(file, 'exact'))
    const fast = await timed(files, async file => await run(file, 'fast'))
    console.log(`| ${size.name} | ${alone} | ${name} | ${exact} | ${fast} | ${max}, ${(sum / count).toFixed(2)} |`)
  }
}
