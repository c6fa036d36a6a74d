import t from 'tap'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { CPU } from '../../src/inference/device.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL, buildTestApp, form, picture } from '../build-test-app.js'

t.test('what was done is counted: requests = answers, images in = images out', async t => {
  const { http } = await buildTestApp(t, { maxBatchSize: 4 })
  const jpeg = { 'content-type': 'image/jpeg' }
  const payload = await picture(120, 80)
  for (let request = 0; request < 3; request++) await http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload })
  await http.inject({ method: 'POST', url: '/v1/features?stages=stage2', ...form([{ name: 'a', value: payload }, { name: 'b', value: payload }]) })
  await http.inject({ method: 'POST', url: '/v1/features', headers: jpeg, payload: 'no image' })
  await http.inject({ method: 'POST', url: '/v1/features?model=other', headers: jpeg, payload })
  await http.inject('/v1/elsewhere')

  const { body, headers } = await http.inject('/metrics')
  t.match(headers['content-type'], /^text\/plain/)
  const value = (line: string): number | undefined => {
    const found = body.split('\n').find(one => one.startsWith(`${line} `))
    return found === undefined ? undefined : Number(found.split(' ').at(-1))
  }
  const model = 'vovnet19-slim-dw-cifar10'
  t.equal(value(`vovnet_requests_total{route="/v1/embeddings",model="${model}",code="200"}`), 3)
  t.equal(value(`vovnet_requests_total{route="/v1/features",model="${model}",code="200"}`), 1)
  t.equal(value(`vovnet_requests_total{route="/v1/features",model="${model}",code="415"}`), 1)
  t.equal(value('vovnet_requests_total{route="/v1/features",model="",code="404"}'), 1, 'an unknown model is no label')
  t.equal(value('vovnet_requests_total{route="unmatched",model="",code="404"}'), 1, 'nor is an unknown path')
  t.equal(value(`vovnet_request_duration_seconds_count{route="/v1/embeddings",model="${model}"}`), 3)
  t.equal(value(`vovnet_images_total{model="${model}",outcome="ok"}`), 5)
  t.equal(value(`vovnet_images_total{model="${model}",outcome="failed"}`), 1)
  t.equal(value('vovnet_image_bytes_count'), 6)
  t.equal(value('vovnet_image_pixels_sum'), 5 * 120 * 80)
  t.equal(value(`vovnet_batches_total{model="${model}",depth="stage5"}`), 3)
  t.equal(value(`vovnet_batch_size_sum{model="${model}"}`), 5)
  for (const [phase, count] of [['decode', 5], ['queue', 5], ['infer', 5], ['encode', 4]] as const) {
    t.equal(value(`vovnet_phase_duration_seconds_count{model="${model}",phase="${phase}"}`), count, phase)
  }
  t.equal(value('vovnet_response_bytes_count{route="/v1/embeddings"}'), 3)
  t.equal(value(`vovnet_queue_depth{model="${model}"}`), 0)
  t.equal(value(`vovnet_instances{model="${model}",state="idle"}`), 1)
  t.equal(value('vovnet_rejections_total{reason="unsupported_image_type"}'), 1)
  t.equal(value('vovnet_rejections_total{reason="model_not_found"}'), 1)
  t.equal(value('vovnet_rejections_total{reason="queue_full"}'), 0, 'there before it happens')
  t.equal(value('vovnet_engine_events_total{event="instance_lost"}'), 0)
  t.equal(value('vovnet_inflight_requests'), 0)
  t.equal(value('vovnet_ready'), 1)
  t.equal(value('vovnet_admitted_images'), 0)
  t.equal(value('vovnet_admitted_images_limit'), 256)
  t.equal(value('vovnet_admitted_bytes_limit'), 2 ** 29)
  t.match(body, new RegExp(`vovnet_model_info\\{model="${model}",variant="V-19-slim-dw-eSE",dialect="timm-b",precision="fp32",provider="cpu",sha256="797780a2[^"]+"\\} 1`))
  t.match(body, /\nvovnet_event_loop_lag_seconds [\d.e-]+\n/)
  t.match(body, /nodejs_heap_size_used_bytes/)
})

t.test('a service that starts can be scraped: it says it is not ready', async t => {
  const app = await buildApp({
    config: readConfig({}),
    device: CPU,
    models: [{ model: loadModel(modelAt(DEFAULT_MODEL)), plan: { instances: 1, threadsPerInstance: 1, wideThreads: 1, maxBatchSize: 1 } }],
    decodeThreads: 1
  })
  t.teardown(async () => await app.http.close())
  const before = await app.http.inject('/metrics')
  t.equal(before.statusCode, 200)
  t.match(before.body, /\nvovnet_ready 0\n/)
  t.notMatch(before.body, 'vovnet_model_info{')
  await app.warm()
  const after = await app.http.inject('/metrics')
  t.match(after.body, /\nvovnet_ready 1\n/)
  t.match(after.body, 'vovnet_model_info{')
})

t.test('a scrape takes less than 10 ms while the service is saturated', async t => {
  const { http } = await buildTestApp(t, { instances: 2 })
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  const body = await picture(300, 200)
  const stop = new AbortController()
  const clients = Array.from({ length: 16 }, async () => {
    while (!stop.signal.aborted) await (await fetch(`${url}/v1/embeddings`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })).arrayBuffer()
  })
  const times: number[] = []
  for (let scrape = 0; scrape < 60; scrape++) {
    await new Promise(resolve => setTimeout(resolve, 25))
    const started = performance.now()
    const { statusCode } = await http.inject({ url: '/metrics', headers: { accept: 'application/openmetrics-text' } })
    if (scrape >= 10) times.push(performance.now() - started) // the first ones run uncompiled
    if (statusCode !== 200) t.fail(`${statusCode}`)
  }
  stop.abort()
  await Promise.all(clients)
  // The first quarter: what a scrape takes, not how long it had to wait for one of two cores.
  const usual = times.sort((a, b) => a - b)[times.length >> 2]!
  t.ok(usual < 10, `${usual.toFixed(1)} ms, the slowest ${times.at(-1)!.toFixed(1)}`)
})
