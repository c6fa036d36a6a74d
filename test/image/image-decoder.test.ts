import t, { type Test } from 'tap'
import { ImageDecoder } from '../../src/image/image-decoder.js'
import { difference, file, geometry, pixels, decodeCases } from './goldens.js'

function decoder (t: Test, threads = 1): ImageDecoder {
  const decoder = new ImageDecoder({ threads, mode: 'exact', maxPixels: 1e6, maxInputPixels: 1e6 })
  t.teardown(async () => await decoder.close())
  return decoder
}

const request = (bytes: Uint8Array): { bytes: Uint8Array, geometry: ReturnType<typeof geometry>, autoorient: boolean } => ({ bytes, geometry: geometry(), autoorient: true })

t.test('prepares on threads and answers with an array of its own', async t => {
  const images = decoder(t, 2)
  await images.ready()
  const golden = decodeCases.find(({ file }) => file === 'rgb.png')!
  const results = await Promise.all(Array.from({ length: 8 }, async () => await images.prepare(request(file('rgb.png')))))
  for (const { data, source, decodeMs } of results) {
    t.same(source, { width: 61, height: 43, format: 'png', orientation: 1 })
    t.same(difference(data, pixels(golden.pixels)), { max: 0, mean: 0 })
    t.equal(data.buffer.byteLength, data.length)
    t.ok(decodeMs > 0)
  }
})

t.test('bytes with an ArrayBuffer to themselves are given away, others copied', async t => {
  const images = decoder(t)
  const whole = Uint8Array.from(file('rgb.png'))
  await images.prepare(request(whole))
  t.equal(whole.length, 0)

  const shared = Uint8Array.from(Buffer.concat([Buffer.from('before'), file('rgb.png'), Buffer.from('after')]))
  const { width } = await images.prepare(request(shared.subarray(6, -5)))
  t.equal(width, 61)
  t.equal(Buffer.from(shared.subarray(0, 6)).toString(), 'before')
})

t.test('a bad image fails alone, with its code', async t => {
  const images = decoder(t, 2)
  const bad = [Buffer.alloc(0), Buffer.from('<html>'), file('rgb.png').subarray(0, 500)]
  const results = await Promise.allSettled([...bad, file('rgb.png')].map(async bytes => await images.prepare(request(bytes))))
  t.same(results.map(result => result.status === 'rejected' ? result.reason.code : 'prepared'), ['empty_body', 'unsupported_image_type', 'image_not_decodable', 'prepared'])
})

t.test('an image whose client has gone is not decoded', async t => {
  const images = decoder(t)
  await images.ready()
  const abort = new AbortController()
  const first = images.prepare(request(file('rgb.png')))
  const second = images.prepare(request(file('rgb.png')), { signal: abort.signal })
  t.equal(images.waiting, 1)
  abort.abort(new Error('gone'))
  await t.rejects(second, { message: 'gone' })
  await t.resolves(first)
  t.equal(images.waiting, 0)
})

t.test('closing finishes what runs and refuses the rest', async t => {
  const images = new ImageDecoder({ threads: 1, mode: 'exact', maxPixels: 1e6, maxInputPixels: 1e6 })
  await images.ready()
  const [running, waiting] = [images.prepare(request(file('rgb.png'))), images.prepare(request(file('rgb.png')))]
  await Promise.all([images.close(), t.resolves(running), t.rejects(waiting, { code: 'not_ready' })])
  await t.rejects(images.prepare(request(file('rgb.png'))), { code: 'not_ready' })
})
