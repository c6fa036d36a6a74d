import sharp from 'sharp'
import t from 'tap'
import { deflateSync, crc32 } from 'node:zlib'
import { prepare } from '../../src/image/prepare.js'
import { file, geometry } from './goldens.js'

const settings = { mode: 'exact', maxPixels: 1e6, maxInputPixels: 1e6 } as const
const attempt = async (bytes: Uint8Array): Promise<unknown> => await prepare({ bytes, geometry: geometry({ resize: 'stretch' }), autoorient: true }, settings)

function png (width: number, height: number): Buffer {
  const chunk = (kind: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(kind, 'latin1'), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length)
    body.copy(out, 4)
    out.writeUInt32BE(crc32(body), body.length + 4)
    return out
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(1000))), chunk('IEND', Buffer.alloc(0))])
}

t.test('a header of 100,000 x 100,000 is refused at once', async t => {
  const start = performance.now()
  await t.rejects(attempt(png(100000, 100000)), { code: 'image_too_large', status: 413 })
  t.ok(performance.now() - start < 1000)
})

t.test('the pixel limit is the last size taken', async t => {
  const flat = async (width: number, height: number): Promise<Buffer> => await sharp({ create: { width, height, channels: 3, background: 'red' } }).png().toBuffer()
  await t.resolves(attempt(await flat(1000, 1000)))
  await t.rejects(attempt(await flat(1000, 1001)), { code: 'image_too_large' })
})

t.test('a header that lies about its size', async t => {
  await t.rejects(attempt(png(900, 900)), { code: 'image_not_decodable', status: 422 })
  await t.rejects(attempt(png(0, 5)), { code: 'image_not_decodable' })
  await t.rejects(attempt(png(0x7fffffff, 0x7fffffff)), { code: 'image_not_decodable' })
})

t.test('a truncated file of any format', async t => {
  for (const name of ['baseline-420.jpg', 'progressive.jpg', 'rgb.png', 'palette.png', 'interlaced.png', 'lossy.webp', 'lossless.webp', '444.avif', '420.avif', 'rgb.tif', 'lzw.tif', 'jpeg.tif', 'palette.gif']) {
    const bytes = file(name)
    for (const share of [0.2, 0.5, 0.9]) {
      await t.rejects(attempt(bytes.subarray(0, Math.floor(bytes.length * share))), { code: 'image_not_decodable', status: 422 }, `${name}, ${share} of it`)
    }
  }
})

t.test('what only looks like an image', async t => {
  for (const head of ['ffd8ff', 'ffd8ffe000104a464946', '89504e470d0a1a0a', '474946383961', '49492a0008000000', '524946460000000057454250', '0000001866747970617669660000000061766966']) {
    await t.rejects(attempt(Buffer.from(head, 'hex')), { code: 'image_not_decodable' }, head)
  }
  await t.rejects(attempt(Buffer.from('GIF89a<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')), { code: 'image_not_decodable' }, 'a second format behind the first')
  await t.rejects(attempt(new Uint8Array()), { code: 'empty_body', status: 400 })
  await t.rejects(attempt(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')), { code: 'unsupported_image_type', status: 415 })
})

t.test('what would decode to wrong colours', async t => {
  await t.rejects(attempt(file('refused-ycbcr.tif')), { code: 'image_not_decodable' })
})

t.test('harmless oddities pass', async t => {
  const jpeg = file('baseline-420.jpg')
  const soi = jpeg.subarray(0, 2)
  await t.resolves(attempt(Buffer.concat([jpeg, Buffer.alloc(100, 65)])), 'bytes behind the end')
  await t.resolves(attempt(Buffer.concat([jpeg.subarray(0, -2), Buffer.from([1, 2, 3]), jpeg.subarray(-2)])), 'bytes before the end marker')
  await t.resolves(attempt(Buffer.concat([soi, Buffer.from('ffe1000a457869660000ffff', 'hex'), jpeg.subarray(2)])), 'broken EXIF')
  const pages = file('pages.tif')
  await t.resolves(attempt(pages.subarray(0, Math.floor(pages.length * 0.95))), 'a cut in the second page of a TIFF')
  const icc = Buffer.from(file('icc.jpg'))
  icc.fill(0xaa, icc.indexOf('ICC_PROFILE') + 14, icc.indexOf('ICC_PROFILE') + 200)
  await t.resolves(attempt(icc), 'a broken profile')
})

t.test('1x1, and a single row: no picture', async t => {
  for (const [width, height] of [[1, 1], [50, 1], [1, 50]] as const) {
    const dot = await sharp({ create: { width, height, channels: 3, background: '#010203' } }).png().toBuffer()
    await t.rejects(attempt(dot), { code: 'image_too_small' }, `${width}x${height}`)
  }
  const least = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#010203' } }).png().toBuffer()
  t.same(await prepare({ bytes: least, geometry: geometry({ resize: 'crop' }), autoorient: true }, settings).then(({ data }) => [...data.subarray(0, 3), data.length]), [1, 2, 3, 64 * 64 * 3])
})
