import { createHash } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { prepare } from '../../src/image/prepare.js'
import { difference, file, geometry, prepareCases } from './goldens.js'

const exact = { mode: 'exact', maxPixels: 1e6, maxInputPixels: 1e6 } as const

t.test('the prepared image equals the original pipelines on Pillow, pixel by pixel', async t => {
  for (const { source, geometry: wanted, width, height, sha256 } of prepareCases) {
    const prepared = await prepare({ bytes: file(source), geometry: geometry(wanted), autoorient: true }, exact)
    const name = `${source} ${JSON.stringify(wanted)}`
    t.match(prepared, { width, height }, name)
    t.equal(createHash('sha256').update(prepared.data).digest('hex'), sha256, name)
  }
})

t.test('the mapping leads from a pixel of the input to its place in the upright source', async t => {
  // A white dot on black, in a photo that lies on its side.
  const dot = Buffer.alloc(300 * 200 * 3)
  for (let y = 60; y < 70; y++) dot.fill(255, (y * 300 + 170) * 3, (y * 300 + 180) * 3)
  const bytes = await sharp(dot, { raw: { width: 300, height: 200, channels: 3 } }).withMetadata({ orientation: 6 }).png().toBuffer()
  for (const resize of ['crop', 'short-edge', 'letterbox', 'stretch', 'none'] as const) {
    const { data, width, mapping, source } = await prepare({ bytes, geometry: geometry({ resize, width: 96, height: 80, cropPct: 0.7 }), autoorient: true }, exact)
    t.same(source, { width: 200, height: 300, format: 'png', orientation: 6 })
    let [sum, sumX, sumY] = [0, 0, 0]
    for (let i = 0; i < data.length; i += 3) {
      sum += data[i]!
      sumX += data[i]! * (i / 3 % width + 0.5)
      sumY += data[i]! * (Math.floor(i / 3 / width) + 0.5)
    }
    // Turned clockwise, (175, 65) of 300x200 becomes (200 - 65, 175).
    t.ok(Math.abs(sumX / sum * mapping.scaleX + mapping.offsetX - 135) < 0.6, `${resize} x`)
    t.ok(Math.abs(sumY / sum * mapping.scaleY + mapping.offsetY - 175) < 0.6, `${resize} y`)
  }
})

t.test('fast leaves all but large JPEGs alone, and those within a few levels', async t => {
  const photo = sharp(file('source-97x66.png')).resize(1455, 990, { kernel: 'cubic' })
  const request = { geometry: geometry({ resize: 'crop', width: 64, height: 64, cropPct: 0.875 }), autoorient: true }
  const both = async (bytes: Buffer): Promise<{ max: number, mean: number }> => {
    const settings = { maxPixels: 1e7, maxInputPixels: 1e7 }
    const [a, b] = [await prepare({ bytes, ...request }, { ...settings, mode: 'exact' }), await prepare({ bytes, ...request }, { ...settings, mode: 'fast' })]
    t.same(a.mapping, b.mapping)
    t.same(a.source, b.source)
    return difference(a.data, b.data)
  }
  const { max, mean } = await both(await photo.clone().jpeg({ quality: 95 }).toBuffer())
  t.ok(max > 0 && max <= 10 && mean < 0.85, `a large JPEG: max ${max}, mean ${mean}`)
  t.same(await both(await photo.clone().png().toBuffer()), { max: 0, mean: 0 }, 'a large PNG')
  t.same(await both(file('baseline-420.jpg')), { max: 0, mean: 0 }, 'a small JPEG')
  t.same(await both(await photo.clone().toColourspace('cmyk').jpeg().toBuffer()), { max: 0, mean: 0 }, 'a large CMYK JPEG')
})
