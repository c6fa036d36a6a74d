import { randomBytes } from 'node:crypto'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { buildTestApp, form, picture } from '../build-test-app.js'
import { crc32 } from './crc32.js'

const jpeg = { 'content-type': 'image/jpeg' }

/** A PNG whose header alone says 100,000 x 100,000. */
async function hugeHeader (): Promise<Buffer> {
  const png = Buffer.from(await picture(16, 16, 'png'))
  png.writeUInt32BE(100_000, 16)
  png.writeUInt32BE(100_000, 20)
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29)
  return png
}

t.test('each bad input has its code, and the next request is served', async t => {
  const { http } = await buildTestApp(t, { settings: { MAX_IMAGE_BYTES: '100000', MAX_IMAGES_PER_REQUEST: '32' } })
  const good = await picture(100, 100)
  const tiny = await sharp({ create: { width: 28, height: 28, channels: 3, background: 'red' } }).png().toBuffer()
  const pixel = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } }).png().toBuffer()
  const cases: Array<[what: string, request: { url?: string, payload?: Buffer | string, headers?: Record<string, string> }, status: number, error: { code: string, param?: string | RegExp }]> = [
    ['not an image', { payload: 'hello, I am text' }, 415, { code: 'unsupported_image_type', param: 'images[0]' }],
    ['an SVG', { payload: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', headers: { 'content-type': 'image/svg+xml' } }, 415, { code: 'unsupported_image_type' }],
    ['a truncated JPEG', { payload: good.subarray(0, good.length >> 1) }, 422, { code: 'image_not_decodable', param: 'images[0]' }],
    ['0 bytes', { payload: '' }, 400, { code: 'empty_body' }],
    ['1x1 pixel', { payload: pixel }, 400, { code: 'image_too_small' }],
    ['28x28 with resize=none', { url: '/v1/features?resize=none', payload: tiny }, 400, { code: 'image_too_small' }],
    ['100,000 x 100,000 in the header', { payload: await hugeHeader() }, 413, { code: 'image_too_large', param: 'images[0]' }],
    ['33 images', form(Array.from({ length: 33 }, () => ({ name: 'image', value: good }))), 413, { code: 'too_many_images' }],
    ['an unknown stage', { url: '/v1/features?stages=stage6' }, 400, { code: 'invalid_parameter', param: 'stages' }],
    ['a pyramid level of a model without one', { url: '/v1/features?stages=p3' }, 400, { code: 'invalid_parameter', param: 'stages' }],
    ['a stage twice', { url: '/v1/features?stages=stage3,stage3' }, 400, { code: 'invalid_parameter', param: 'stages' }],
    ['an unknown model', { url: '/v1/features?model=resnet' }, 404, { code: 'model_not_found', param: 'model' }],
    ['an unknown query name', { url: '/v1/features?stagse=stage5' }, 400, { code: 'invalid_parameter', param: 'stagse' }],
    ['a name twice', { url: '/v1/features?size=32&size=64' }, 400, { code: 'invalid_parameter', param: 'size' }],
    ['a name of Object', { url: '/v1/features?constructor=1' }, 400, { code: 'invalid_parameter', param: 'constructor' }],
    ['size=-1', { url: '/v1/features?size=-1' }, 400, { code: 'invalid_parameter', param: 'size' }],
    ['size=0', { url: '/v1/features?size=0' }, 400, { code: 'invalid_parameter', param: 'size' }],
    ['size=9999999', { url: '/v1/features?size=9999999' }, 400, { code: 'invalid_parameter', param: 'size' }],
    ['size with resize=none', { url: '/v1/features?size=64&resize=none' }, 400, { code: 'invalid_parameter', param: 'size' }],
    ['size below the network', { url: '/v1/features?size=16' }, 400, { code: 'image_too_small' }],
    ['normalize=maybe', { url: '/v1/embeddings?normalize=maybe' }, 400, { code: 'invalid_parameter', param: 'normalize' }],
    ['a wrong Accept', { headers: { accept: 'text/html' } }, 406, { code: 'not_acceptable' }],
    ['two stages as npy', { url: '/v1/features?stages=stage3,stage4', headers: { accept: 'application/x-npy' } }, 400, { code: 'invalid_parameter', param: 'stages' }],
    ['a content type that is no image', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, { code: 'unsupported_content_type' }],
    ['JSON for features', { headers: { 'content-type': 'application/json' }, payload: '{}' }, 415, { code: 'unsupported_content_type' }],
    ['a body over the limit', { payload: randomBytes(100_001) }, 413, { code: 'body_too_large' }],
    ['a file over the limit', form([{ name: 'image', value: randomBytes(100_001) }]), 413, { code: 'body_too_large' }],
    ['a form without a file', form([{ name: 'stages', value: 'stage3' }]), 400, { code: 'empty_body' }],
    ['an empty file in a form', form([{ name: 'image', value: good }, { name: 'image', value: Buffer.alloc(0) }]), 400, { code: 'empty_body', param: 'images[1]' }],
    ['one broken image of three', form([good, good.subarray(0, 900), good].map(value => ({ name: 'image', value }))), 422, { code: 'image_not_decodable', param: 'images[1]' }],
    ['a timeout that is no number', { headers: { 'x-request-timeout-ms': 'soon' } }, 400, { code: 'invalid_parameter', param: 'x-request-timeout-ms' }],
    ['an unknown path', { url: '/v1/feature' }, 404, { code: 'route_not_found' }],
    ['embeddings of broken JSON', { url: '/v1/embeddings', headers: { 'content-type': 'application/json' }, payload: '{"input":' }, 400, { code: 'invalid_parameter', param: 'body' }],
    ['embeddings of no input', { url: '/v1/embeddings', headers: { 'content-type': 'application/json' }, payload: '{"input":[]}' }, 400, { code: 'empty_body', param: 'input' }]
  ]
  for (const [what, { url = '/v1/features', payload = good, headers = {} }, status, error] of cases) {
    await t.test(what, async (t: Test) => {
      const response = await http.inject({ method: 'POST', url, payload, headers: { ...jpeg, ...headers } })
      t.equal(response.statusCode, status, response.body.slice(0, 300))
      t.match(response.json(), { error: { ...error, message: /./, type: /_error$/ } })
      t.match(response.headers['content-type'], /^application\/json/)
      t.match(response.headers['server-timing'], /^decode;dur=/)
      t.ok(response.headers['x-request-id'])
      const next = await http.inject({ method: 'POST', url: '/v1/embeddings', payload: good, headers: jpeg })
      t.equal(next.statusCode, 200, 'the next one is served')
    })
  }
})
