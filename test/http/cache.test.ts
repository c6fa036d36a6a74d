import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest, LightMyRequestResponse } from 'fastify'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { sendAnswer, type InferenceParts } from '../../src/http/routes/inference-parts.js'
import { DEFAULT_MODEL, buildTestApp, form, picture, type TestAppOptions } from '../build-test-app.js'

const jpeg = { 'content-type': 'image/jpeg' }
const on = { settings: { CACHE_MB: '64' } }

interface Ask { url?: string, headers?: Record<string, string>, payload?: Buffer }

class Service {
  readonly http: FastifyInstance

  constructor (http: FastifyInstance) {
    this.http = http
  }

  static async build (t: Test, options: TestAppOptions = on): Promise<Service> {
    return new Service((await buildTestApp(t, options)).http)
  }

  async post ({ url = '/v1/embeddings', headers = {}, payload }: Ask): Promise<LightMyRequestResponse> {
    return await this.http.inject({ method: 'POST', url, headers: { ...jpeg, ...headers }, payload: payload! })
  }

  /** Sums of counters over their labels. */
  async counts (): Promise<{ hits: number, misses: number, runs: number, decodes: number, images: number }> {
    const { body } = await this.http.inject('/metrics')
    const sum = (name: string): number => [...body.matchAll(new RegExp(`^${name}[^\\n]* (\\d+)$`, 'gm'))].reduce((total, [, value]) => total + Number(value), 0)
    return {
      hits: sum('vovnet_cache_hits_total'),
      misses: sum('vovnet_cache_misses_total'),
      runs: sum('vovnet_batches_total'),
      decodes: sum('vovnet_image_pixels_count'),
      images: sum('vovnet_images_total')
    }
  }
}

t.test('the second answer is the first one\'s bytes, and nothing runs for it', async t => {
  const [cached, plain] = [await Service.build(t), await Service.build(t, {})]
  const payload = await picture(120, 80)
  const asks: Ask[] = [
    { url: '/v1/embeddings' },
    { url: '/v1/features?stages=stage3,input' },
    { url: '/v1/features?stages=stem&size=256' },
    { url: '/v1/features?stages=stem&size=192', headers: { accept: 'application/octet-stream' } },
    { url: '/v1/features?stages=stage5', headers: { accept: 'application/x-npy' } }
  ]
  for (const [index, ask] of asks.entries()) {
    const expected = (await plain.post({ ...ask, payload })).rawPayload
    for (let time = 0; time < 3; time++) {
      const { statusCode, rawPayload } = await cached.post({ ...ask, payload })
      t.equal(statusCode, 200)
      t.ok(rawPayload.equals(expected), `${ask.url}, time ${time}`)
    }
    const done = index + 1
    t.strictSame(await cached.counts(), { hits: 2 * done, misses: done, runs: done, decodes: done, images: 3 * done })
  }
})

t.test('what the client holds is answered with 304 and no work, even by a service that never saw it', async t => {
  const [one, other] = [await Service.build(t), await Service.build(t)]
  const payload = await picture(120, 80)
  for (const url of ['/v1/embeddings', '/v1/features']) {
    const { headers: { etag }, statusCode } = await one.post({ payload, url })
    t.equal(statusCode, 200)
    t.match(etag, /^"[\w-]{43}"$/)
    for (const held of [etag!, `W/${etag!}`, `"other", ${etag!}`]) {
      const answer = await other.post({ payload, url, headers: { 'if-none-match': held, 'x-request-id': 'mine' } })
      t.equal(answer.statusCode, 304)
      t.equal(answer.rawPayload.length, 0)
      t.match(answer.headers, { etag, 'x-request-id': 'mine', 'server-timing': /^decode;dur=0\.00/ })
      t.notOk(answer.headers['content-type'])
    }
  }
  t.strictSame(await other.counts(), { hits: 0, misses: 0, runs: 0, decodes: 0, images: 0 })
  for (const held of ['"other"', '*']) {
    const answer = await other.post({ payload, headers: { 'if-none-match': held } })
    t.equal(answer.statusCode, 200)
    t.ok(answer.headers.etag)
  }
  const { body } = await other.http.inject('/metrics')
  t.match(body, /vovnet_requests_total\{route="\/v1\/embeddings",model="[^"]+",code="304"\} 3\n/)
})

t.test('what makes another result is run, what only writes it otherwise is not; each has its own tag', async t => {
  const [cached, plain] = [await Service.build(t), await Service.build(t, {})]
  const payload = await picture(120, 80)
  const features = '/v1/features?stages=stage4,stage5'
  const run: Ask[] = [
    { payload }, { payload, url: '/v1/embeddings?pool=max' }, { payload, url: '/v1/embeddings?stage=stage4' },
    { payload, url: '/v1/embeddings?size=96' }, { payload, url: '/v1/embeddings?resize=letterbox' }, { payload, url: '/v1/embeddings?autoorient=false' },
    { payload: await picture(120, 81) },
    { payload, url: features }, { payload, url: `${features},input` }, { payload, url: '/v1/features?stages=stage5' }
  ]
  const written: Ask[] = [
    { payload, url: '/v1/embeddings?normalize=false' }, { payload, url: '/v1/embeddings?dtype=float16' }, { payload, url: '/v1/embeddings?encoding_format=base64' },
    { payload, headers: { accept: 'application/x-npy' } }, { payload, headers: { accept: 'application/octet-stream' } },
    { payload, url: '/v1/features?stages=stage5,stage4' }, { payload, url: `${features}&dtype=float16` }, { payload, url: `${features}&encoding=list` },
    form([{ name: 'a', value: payload }, { name: 'b', value: run[6]!.payload! }]), form([{ name: 'a', value: run[6]!.payload! }, { name: 'b', value: payload }])
  ]
  const tags = new Set<string>()
  for (const ask of [...run, ...written]) {
    const answer = await cached.post(ask)
    t.equal(answer.statusCode, 200)
    tags.add(String(answer.headers.etag))
    t.ok(answer.rawPayload.equals((await plain.post(ask)).rawPayload), `${ask.url} ${JSON.stringify(ask.headers)}`)
  }
  t.equal(tags.size, run.length + written.length)
  t.match(await cached.counts(), { runs: run.length, misses: run.length, hits: written.length + 2 })
  const repeated = await cached.post({ payload })
  t.ok(repeated.rawPayload.equals((await plain.post({ payload })).rawPayload), 'nothing was written into what is kept')
})

t.test('parameters that say what is the default anyway are the same request', async t => {
  const service = await Service.build(t)
  const payload = await picture(120, 80)
  const { headers: { etag } } = await service.post({ payload })
  const same = await service.post({ ...form([{ name: 'pool', value: 'avg' }, { name: 'model', value: 'vovnet19-slim-dw-cifar10' }, { name: 'a', value: payload }]), url: '/v1/embeddings?normalize=true' })
  t.equal(same.headers.etag, etag)
})

t.test('equal requests at once run once', async t => {
  const service = await Service.build(t)
  const payload = await picture(700, 500)
  const twice = form([{ name: 'a', value: payload }, { name: 'b', value: payload }])
  const answers = await Promise.all([...Array.from({ length: 7 }, async () => await service.post({ payload })), service.post(twice)])
  t.strictSame(answers.map(answer => answer.statusCode), Array(8).fill(200))
  t.equal(new Set(answers.slice(0, 7).map(answer => answer.body)).size, 1)
  t.strictSame(await service.counts(), { hits: 8, misses: 1, runs: 1, decodes: 1, images: 9 })
})

t.test('who asked first and hangs up does not take the others along', async t => {
  const { http } = await buildTestApp(t, on)
  const service = new Service(http)
  const url = `${await http.listen({ host: '127.0.0.1', port: 0 })}/v1/embeddings`
  // Noise, because it takes long to decode.
  const body = await sharp({ create: { width: 2000, height: 2000, channels: 3, background: 'black', noise: { type: 'gaussian', mean: 128, sigma: 50 } } }).jpeg().toBuffer()
  const received = async (): Promise<number> => Number(/vovnet_image_bytes_count (\d+)/.exec((await http.inject('/metrics')).body)![1])
  const abort = new AbortController()
  const leaving = fetch(url, { method: 'POST', headers: jpeg, body, signal: abort.signal }).then(({ status }) => status, () => 'gone')
  while (await received() < 1) await sleep(1)
  const staying = fetch(url, { method: 'POST', headers: jpeg, body })
  while (await received() < 2) await sleep(1)
  abort.abort()
  t.equal(await leaving, 'gone')
  t.equal((await staying).status, 200)
  t.match(await service.counts(), { hits: 1, misses: 1, runs: 1, decodes: 1, images: 2 })
})

t.test('one checkpoint under two names: one result, two answers', async t => {
  const copy = join(t.testdir(), 'another-name')
  cpSync(DEFAULT_MODEL, copy, { recursive: true })
  const service = await Service.build(t, { ...on, models: [DEFAULT_MODEL, copy] })
  const payload = await picture(120, 80)
  const ask = async (model: string): Promise<LightMyRequestResponse> => await service.post({ payload, url: `/v1/embeddings?model=${model}` })
  const [one, other] = [await ask('vovnet19-slim-dw-cifar10'), await ask('another-name')]
  t.not(one.headers.etag, other.headers.etag)
  t.strictSame({ ...one.json<object>(), model: 'another-name' }, other.json())
  t.match(await service.counts(), { hits: 1, misses: 1, runs: 1 })
})

t.test('a failure is named, not kept, and has no tag', async t => {
  const service = await Service.build(t)
  const payload = (await picture(120, 80)).subarray(0, 900)
  for (let time = 0; time < 2; time++) {
    const answer = await service.post({ payload })
    t.equal(answer.statusCode, 422)
    t.match(answer.json(), { error: { code: 'image_not_decodable', param: 'images[0]' } })
    t.notOk(answer.headers.etag)
  }
  const apart = form([{ name: 'a', value: await picture(64, 64) }, { name: 'b', value: await picture(96, 64) }])
  const unstackable = await service.post({ ...apart, url: '/v1/features?resize=none', headers: { ...apart.headers, accept: 'application/x-npy' } })
  t.equal(unstackable.statusCode, 400)
  t.notOk(unstackable.headers.etag)
  t.match(await service.counts(), { hits: 0, misses: 4 })
})

t.test('an answer that fails while it is written has no tag', async t => {
  const headers: Record<string, unknown> = {}
  const reply = { header: (name: string, value: unknown) => { headers[name] = value } } as unknown as FastifyReply
  const request = { lifetime: new AbortController().signal } as unknown as FastifyRequest
  const parts = { encoder: { encode: async () => { throw new Error('over') } } } as unknown as InferenceParts
  await t.rejects(sendAnswer(parts, request, reply, { kind: 'embeddings', model: 'm', encoding: 'float', dtype: 'float32', vectors: [] }, 'application/json', { keys: ['k'], etag: '"tag"', held: false }), { message: 'over' })
  t.strictSame(headers, {})
})

t.test('a kept result leaves through a socket whole, large and small', async t => {
  const { http } = await buildTestApp(t, on)
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  const body = await picture(120, 80)
  for (const size of [64, 320]) {
    const answers = []
    for (let time = 0; time < 3; time++) {
      const answer = await fetch(`${url}/v1/features?stages=stage4&size=${size}`, { method: 'POST', headers: { ...jpeg, accept: 'application/octet-stream' }, body })
      answers.push(Buffer.from(await answer.arrayBuffer()))
    }
    t.equal(answers[0]!.length, 384 * (size / 16) ** 2 * 4)
    t.ok(answers[0]!.some(byte => byte !== 0))
    t.ok(answers[1]!.equals(answers[0]!) && answers[2]!.equals(answers[0]!))
  }
})

t.test('without CACHE_MB nothing is kept, tagged or compared', async t => {
  const service = await Service.build(t, {})
  const payload = await picture(120, 80)
  const tagged = (await (await Service.build(t)).post({ payload })).headers.etag!
  for (const headers of [{}, { 'if-none-match': tagged }] as Array<Record<string, string>>) {
    const answer = await service.post({ payload, headers })
    t.equal(answer.statusCode, 200)
    t.notOk(answer.headers.etag)
  }
  t.strictSame(await service.counts(), { hits: 0, misses: 0, runs: 2, decodes: 2, images: 2 })
})
