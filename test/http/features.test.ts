import t from 'tap'
import { buildTestApp, floats, form, picture } from '../build-test-app.js'

interface Feature { shape: number[], stride: number | null, dtype: string, data: string }
interface Answer { model: string, images: Array<{ source: object, input: object, geometry: Record<string, number>, features: Record<string, Feature> }> }

const jpeg = { 'content-type': 'image/jpeg' }

t.test('a JPEG in, stage maps out', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(120, 80)
  const response = await http.inject({ method: 'POST', url: '/v1/features?stages=stage3,stage5,input', headers: { ...jpeg, 'x-request-id': 'abc-1' }, payload })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['x-request-id'], 'abc-1')
  t.match(response.headers['server-timing'], /^decode;dur=[\d.]+, queue;dur=[\d.]+, infer;dur=[\d.]+, encode;dur=[\d.]+$/)
  t.match(response.headers['server-timing'], /infer;dur=(?!0\.00)/)
  const { model, images: [image] } = response.json<Answer>()
  t.equal(model, 'vovnet19-slim-dw-cifar10')
  t.strictSame(image!.source, { width: 120, height: 80, format: 'jpeg', orientation: 1 })
  t.strictSame(image!.input, { width: 64, height: 64 })
  t.strictSame(image!.geometry, { scaleX: 120 / 64, scaleY: 80 / 64, offsetX: 0, offsetY: 0 })
  const { stage3, stage5, input } = image!.features
  t.match(stage3, { shape: [256, 8, 8], stride: 8, dtype: 'float32' })
  t.match(stage5, { shape: [512, 2, 2], stride: 32, dtype: 'float32' })
  t.match(input, { shape: [3, 64, 64], stride: 1, dtype: 'uint8' })
  t.equal(floats(stage3!.data).length, 256 * 8 * 8)
  t.equal(Buffer.from(input!.data, 'base64').length, 3 * 64 * 64)
})

t.test('stage2 asked alone equals stage2 asked with all, bit for bit', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(97, 66, 'png')
  const ask = async (stages: string): Promise<string> => {
    const response = await http.inject({ method: 'POST', url: `/v1/features?resize=none&stages=${stages}`, headers: { 'content-type': 'image/png' }, payload })
    return response.json<Answer>().images[0]!.features['stage2']!.data
  }
  t.equal(await ask('stage2'), await ask('stem,stage2,stage3,stage4,stage5'))
})

t.test('npy, raw bytes and lists hold the same numbers', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(70, 70)
  const ask = async (accept: string, query = ''): Promise<{ headers: Record<string, unknown>, rawPayload: Buffer, json: () => Answer }> =>
    await http.inject({ method: 'POST', url: `/v1/features?stages=stage4${query}`, headers: { ...jpeg, accept }, payload }) as never
  const expected = Buffer.from((await ask('application/json')).json().images[0]!.features['stage4']!.data, 'base64')

  const raw = await ask('application/octet-stream')
  t.ok(raw.rawPayload.equals(expected))
  t.match(raw.headers, { 'x-tensor-shape': '1,384,4,4', 'x-tensor-dtype': 'float32', 'content-type': 'application/octet-stream' })

  const npy = (await ask('application/x-npy')).rawPayload
  t.equal(npy.toString('latin1', 0, 6), '\x93NUMPY')
  t.equal((10 + npy.readUInt16LE(8)) % 64, 0)
  t.match(npy.toString('latin1', 10), /^{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 384, 4, 4\), } *\n/)
  t.ok(npy.subarray(10 + npy.readUInt16LE(8)).equals(expected))

  const list = (await ask('application/json', '&encoding=list')).json().images[0]!.features['stage4']!.data as unknown as number[][][]
  t.strictSame([list.length, list[0]!.length, list[0]![0]!.length], [384, 4, 4])
  t.strictSame(Float32Array.from(list.flat(2)), floats(expected.toString('base64')))
})

t.test('float16 halves the bytes and stays within half precision', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(70, 70)
  const ask = async (dtype: string): Promise<Feature> =>
    (await http.inject({ method: 'POST', url: `/v1/features?dtype=${dtype}`, headers: jpeg, payload })).json<Answer>().images[0]!.features['stage5']!
  const [full, half] = [await ask('float32'), await ask('float16')]
  t.equal(half.dtype, 'float16')
  t.equal(Buffer.from(half.data, 'base64').length * 2, Buffer.from(full.data, 'base64').length)
})

t.test('a form with several images and its parameters as fields', async t => {
  const { http } = await buildTestApp(t)
  const [a, b] = [await picture(120, 80), await picture(64, 90, 'png')]
  const response = await http.inject({ method: 'POST', url: '/v1/features?stages=stem', ...form([{ name: 'stages', value: 'stage4' }, { name: 'file', value: a }, { name: 'file', value: b }]) })
  t.equal(response.statusCode, 200)
  const { images } = response.json<Answer>()
  t.equal(images.length, 2)
  t.match(images.map(image => image.source), [{ width: 120, format: 'jpeg' }, { width: 64, format: 'png' }])
  t.strictSame(Object.keys(images[1]!.features), ['stage4'], 'a field overrides the query')
  const single = await http.inject({ method: 'POST', url: '/v1/features?stages=stage4', headers: jpeg, payload: b })
  t.equal(single.json<Answer>().images[0]!.features['stage4']!.data, images[1]!.features['stage4']!.data, 'as when asked alone')

  const npy = await http.inject({ method: 'POST', url: '/v1/features', ...withHeader(form([{ name: 'a', value: a }, { name: 'b', value: b }]), { accept: 'application/x-npy' }) })
  t.match(npy.rawPayload.toString('latin1', 10, 100), /'shape': \(2, 512, 2, 2\)/)
})

t.test('a classifier\'s logits on request, beside a map', async t => {
  const { http } = await buildTestApp(t)
  const response = await http.inject({ method: 'POST', url: '/v1/features?stages=logits,stage5', headers: jpeg, payload: await picture(64, 64) })
  const { logits, stage5 } = response.json<Answer>().images[0]!.features
  t.match(logits, { shape: [10], dtype: 'float32', stride: null })
  t.equal(floats(logits!.data).length, 10)
  t.match(stage5, { shape: [512, 2, 2] })
})

t.test('images of different sizes do not stack', async t => {
  const { http } = await buildTestApp(t)
  const body = form([{ name: 'a', value: await picture(64, 64) }, { name: 'b', value: await picture(96, 64) }])
  const response = await http.inject({ method: 'POST', url: '/v1/features?resize=none', ...withHeader(body, { accept: 'application/octet-stream' }) })
  t.equal(response.statusCode, 400)
  t.match(response.json(), { error: { code: 'shapes_differ', param: 'images[1]' } })
})

t.test('a large map is encoded in a thread and comes out the same', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(512, 512)
  const ask = async (accept: string): Promise<Buffer> => (await http.inject({ method: 'POST', url: '/v1/features?stages=stem&resize=none', headers: { ...jpeg, accept }, payload })).rawPayload
  const raw = await ask('application/octet-stream')
  t.equal(raw.length, 64 * 128 * 128 * 4)
  const json = JSON.parse((await ask('application/json')).toString()) as Answer
  t.ok(Buffer.from(json.images[0]!.features['stem']!.data, 'base64').equals(raw))
})

function withHeader (body: { payload: Buffer, headers: Record<string, string> }, headers: Record<string, string>): typeof body {
  return { ...body, headers: { ...body.headers, ...headers } }
}
