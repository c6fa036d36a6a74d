import t, { type Test } from 'tap'
import sharp from 'sharp'
import { ImageDecoder } from '../../src/image/image-decoder.js'
import type { Geometry } from '../../src/model/preprocess.js'

const none: Geometry = {
  resize: 'none', width: 1, height: 1, cropPct: 1, longest: undefined, rounding: 'truncate', interpolation: 'bicubic', fill: [0, 0, 0]
}

async function png (width: number, height: number): Promise<Buffer> {
  return await sharp({ create: { width, height, channels: 3, background: '#204060' } }).png().toBuffer()
}

function decoder (t: Test, threads = 1): ImageDecoder {
  const decoder = new ImageDecoder({ threads, mode: 'exact', maxPixels: 1e6 })
  t.teardown(async () => await decoder.close())
  return decoder
}

t.test('prepares on a thread and answers with an array of its own', async t => {
  const images = decoder(t)
  await images.ready()
  const prepared = await images.prepare({ bytes: await png(5, 3), geometry: none, autoorient: true })
  t.same(prepared.source, { width: 5, height: 3, format: 'png', orientation: 1 })
  t.same([...prepared.data.subarray(0, 3)], [0x20, 0x40, 0x60])
  t.equal(prepared.data.length, 45)
  t.equal(prepared.data.buffer.byteLength, 45)
  t.ok(prepared.decodeMs > 0)
})
