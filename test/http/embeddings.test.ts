import t from 'tap'
import { buildTestApp, floats, form, picture } from '../build-test-app.js'

interface Answer { object: string, model: string, data: Array<{ object: string, index: number, embedding: number[] & string }>, usage: object }

const jpeg = { 'content-type': 'image/jpeg' }
const norm = (vector: Iterable<number>): number => Math.sqrt([...vector].reduce((sum, value) => sum + value * value, 0))

t.test('a JPEG in, one normalised vector out, in OpenAI\'s shape', async t => {
  const { http } = await buildTestApp(t)
  const response = await http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload: await picture(120, 80) })
  t.equal(response.statusCode, 200)
  const { object, model, data, usage } = response.json<Answer>()
  t.equal(object, 'list')
  t.equal(model, 'vovnet19-slim-dw-cifar10')
  t.strictSame(usage, { prompt_tokens: 0, total_tokens: 0 })
  t.match(data, [{ object: 'embedding', index: 0 }])
  t.equal(data[0]!.embedding.length, 512)
  t.ok(Math.abs(norm(data[0]!.embedding) - 1) < 1e-6)
})

t.test('every pool is the pooled map', async t => {
  const { http } = await buildTestApp(t)
  const payload = await picture(150, 130)
  const map = (await http.inject({ method: 'POST', url: '/v1/features?stages=stage3', headers: jpeg, payload })).json<{ images: Array<{ features: { stage3: { data: string } } }> }>()
  const cells = floats(map.images[0]!.features.stage3.data)
  const channels = Array.from({ length: 256 }, (_, channel) => [...cells.subarray(channel * 64, (channel + 1) * 64)])
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const pools: Record<string, (values: number[]) => number> = {
    avg: mean,
    max: values => Math.max(...values),
    gem: values => Math.cbrt(mean(values.map(value => Math.max(value, 1e-6) ** 3)))
  }
  for (const [pool, by] of Object.entries(pools)) {
    const response = await http.inject({ method: 'POST', url: `/v1/embeddings?stage=stage3&normalize=false&pool=${pool}`, headers: jpeg, payload })
    const worst = Math.max(...response.json<Answer>().data[0]!.embedding.map((value, channel) => Math.abs(value - by(channels[channel]!))))
    t.ok(worst < 1e-5, `${pool}: ${worst}`)
  }
})

t.test('OpenAI JSON: base64 and data URIs, one or a list', async t => {
  const { http } = await buildTestApp(t)
  const images = [await picture(80, 60), await picture(60, 80, 'png')]
  const alone = await http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload: images[1]! })
  const response = await http.inject({
    method: 'POST',
    url: '/v1/embeddings',
    payload: { model: 'vovnet19-slim-dw-cifar10', encoding_format: 'base64', input: [images[0]!.toString('base64'), `data:image/png;base64,${images[1]!.toString('base64')}`] }
  })
  t.equal(response.statusCode, 200)
  const { data } = response.json<Answer>()
  t.strictSame(data.map(({ index }) => index), [0, 1])
  t.strictSame(floats(data[1]!.embedding), Float32Array.from(alone.json<Answer>().data[0]!.embedding))

  const text = await http.inject({ method: 'POST', url: '/v1/embeddings', payload: { input: ['aGVsbG8gd29ybGQ=', 'not base64!'] } })
  t.equal(text.statusCode, 400)
  t.match(text.json(), { error: { code: 'invalid_parameter', param: 'images[1]' } })
})

t.test('npy of several images is [N, C]', async t => {
  const { http } = await buildTestApp(t)
  const body = form([{ name: 'a', value: await picture(80, 60) }, { name: 'b', value: await picture(90, 60) }])
  const response = await http.inject({ method: 'POST', url: '/v1/embeddings', payload: body.payload, headers: { ...body.headers, accept: 'application/x-npy' } })
  t.match(response.rawPayload.toString('latin1', 10, 100), /'shape': \(2, 512\)/)
  t.equal(response.rawPayload.length, 128 + 2 * 512 * 4)
})
