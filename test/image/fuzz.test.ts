import t from 'tap'
import { ServiceError } from '../../src/errors.js'
import { prepare } from '../../src/image/prepare.js'
import { file, geometry } from './goldens.js'

const MUTATIONS = 250
const taken = ['image_not_decodable', 'image_too_large', 'image_too_small', 'unsupported_image_type', 'empty_body']

let state = 99
function random (below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return (state >>> 8) % below
}

/** Flipped bytes, cut and doubled runs, and the extreme values that sizes and counts choke on. */
function mutate (file: Buffer): Buffer {
  let out = Buffer.from(file)
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(random(2) === 0 ? Math.min(out.length, 200) : out.length)
    const run = 1 + random(8)
    switch (random(5)) {
      case 0: out[at] = random(256); break
      case 1: out.fill([0, 0xff, 0x7f, 0x80][random(4)]!, at, Math.min(out.length, at + run)); break
      case 2: out = Buffer.concat([out.subarray(0, at), out.subarray(at + run)]); break
      case 3: out = Buffer.concat([out.subarray(0, at + run), out.subarray(at)]); break
      case 4: out = out.subarray(0, at + 1); break
    }
  }
  return out
}

for (const name of ['baseline-420.jpg', 'progressive.jpg', 'cmyk-adobe.jpg', 'orientation-6.jpg', 'palette-trns.png', 'rgb-16.png', 'lossy.webp', 'alpha.webp', 'animated.webp', '444.avif', '420.avif', 'lzw.tif', 'jpeg.tif', 'cmyk.tif', 'transparent.gif', 'animated.gif']) {
  t.test(`${MUTATIONS} damaged copies of ${name}: a prepared image or a coded error, in bounded time`, async t => {
    const original = file(name)
    let slowest = 0
    let prepared = 0
    for (let i = 0; i < MUTATIONS; i++) {
      const start = performance.now()
      try {
        const { data } = await prepare({ bytes: mutate(original), geometry: geometry({ resize: 'crop', width: 32, height: 32 }), autoorient: true }, { mode: 'exact', maxPixels: 1e6, maxInputPixels: 1e6 })
        if (data.length !== 32 * 32 * 3) t.fail(`copy ${i}: ${data.length} bytes`)
        prepared++
      } catch (error) {
        if (!(error instanceof ServiceError) || !taken.includes(error.code)) t.fail(`copy ${i}: ${String(error)}`)
      }
      slowest = Math.max(slowest, performance.now() - start)
    }
    t.ok(slowest < 3000, `slowest ${Math.round(slowest)} ms`)
    t.ok(prepared < MUTATIONS, `${prepared} prepared`)
  })
}
