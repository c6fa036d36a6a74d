import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import { startTracing } from '../../src/tracing/sdk.js'
import { buildTestApp, form, picture } from '../build-test-app.js'
import { freePort, start, startService } from '../deploy/processes.js'

const jpeg = { 'content-type': 'image/jpeg' }
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

t.test('spans of a request, and exemplars that name its trace', async t => {
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '20' // of the SDK; 5 s otherwise
  const exporter = new InMemorySpanExporter()
  const troubles: string[] = []
  const tracing = await startTracing('http://127.0.0.1:9', { exporter, trouble: message => troubles.push(message) })
  t.teardown(async () => await tracing.shutdown())
  const app = await buildTestApp(t, { tracing, maxBatchSize: 4 })
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  const photo = await picture(200, 120)
  const spans = async (count: number): Promise<ReadableSpan[]> => {
    for (let tries = 0; exporter.getFinishedSpans().length < count && tries < 500; tries++) await sleep(10)
    return exporter.getFinishedSpans()
  }
  const named = (all: ReadableSpan[], name: string): ReadableSpan[] => all.filter(span => span.name === name)
  const milliseconds = ({ duration }: ReadableSpan): number => duration[0] * 1e3 + duration[1] / 1e6

  await t.test('each image and answer has its phases in the client\'s trace, the run one of its own that links to the request', async t => {
    const { payload, headers } = form([{ name: 'a', value: photo }, { name: 'b', value: photo }])
    const answer = await fetch(`${url}/v1/embeddings?size=96`, { method: 'POST', body: payload, headers: { ...headers, traceparent: `00-${TRACE}-${PARENT}-01` } })
    t.equal(answer.status, 200)
    await fetch(`${url}/health/ready`)
    await fetch(`${url}/metrics`)
    const all = await spans(10)
    const [request] = named(all, 'POST /v1/embeddings')
    t.match(request, { parentSpanContext: { spanId: PARENT }, attributes: { 'http.response.status_code': 200, 'http.route': '/v1/embeddings', 'vovnet.model': 'vovnet19-slim-dw-cifar10' } })
    t.equal(request!.spanContext().traceId, TRACE)
    t.match(request!.resource.attributes, { 'service.name': 'vovnet-serve', 'service.version': String })
    for (const [phase, count] of [['decode', 2], ['queue', 2], ['infer', 2], ['encode', 1]] as const) {
      const found = named(all, phase)
      t.equal(found.length, count, phase)
      for (const span of found) {
        t.equal(span.spanContext().traceId, TRACE)
        t.equal(span.parentSpanContext?.spanId, request!.spanContext().spanId)
        t.ok(milliseconds(span) <= milliseconds(request!) && milliseconds(span) >= 0, `${phase} ${milliseconds(span)} of ${milliseconds(request!)} ms`)
      }
    }
    const runs = named(all, 'batch')
    t.equal(runs.reduce((sum, { attributes }) => sum + Number(attributes['vovnet.batch_size']), 0), 2)
    for (const run of runs) {
      t.not(run.spanContext().traceId, TRACE)
      t.strictSame(run.links.map(({ context }) => context.spanId), [request!.spanContext().spanId], 'once, though two of its images may be in the run')
    }
    t.strictSame(all.filter(({ name }) => /health|metrics/.test(name)), [])
  })

  await t.test('the exemplar of the answer names the trace, to those who speak OpenMetrics; the others get their own format, unchanged', async t => {
    const scrape = async (accept: string): Promise<{ type: string | null, body: string }> => {
      const answer = await fetch(`${url}/metrics`, { headers: { accept } })
      return { type: answer.headers.get('content-type'), body: await answer.text() }
    }
    const [open, plain] = await Promise.all([scrape('application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3'), scrape('text/plain')])
    t.match(open.type, /^application\/openmetrics-text; version=1\.0\.0/)
    t.match(open.body, new RegExp(`\nvovnet_request_duration_seconds_bucket\\{le="[^"]+",route="/v1/embeddings",model="[^"]+"\\} 1 # \\{trace_id="${TRACE}",span_id="[0-9a-f]{16}"\\} [\\d.]+ [\\d.]+\n`))
    t.match(open.body, new RegExp(`\nvovnet_phase_duration_seconds_bucket\\{[^}]*phase="infer"[^}]*\\} \\d+ # \\{trace_id="${TRACE}"`))
    t.match(open.body, /\n# TYPE vovnet_requests counter\n/)
    t.match(open.body, /\nvovnet_requests_total\{/)
    t.ok(open.body.endsWith('\n# EOF\n'))
    t.match(plain.type, /^text\/plain; version=0\.0\.4/)
    t.notMatch(plain.body, 'trace_id')
    t.match(plain.body, /\n# TYPE vovnet_requests_total counter\nvovnet_requests_total\{/)
  })

  await t.test('an error is told in its span', async t => {
    exporter.reset()
    await fetch(`${url}/v1/features`, { method: 'POST', headers: jpeg, body: 'no image' })
    const [span] = await spans(1)
    t.match(span, { name: 'POST /v1/features', attributes: { 'http.response.status_code': 415 }, events: [{ name: 'exception' }] })
  })

  await t.test('a request whose client leaves has a span too', async t => {
    exporter.reset()
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: 1000\r\n\r\nabc')
    while (!/vovnet_inflight_requests 1\n/.test(await (await fetch(`${url}/metrics`)).text())) await sleep(5)
    socket.destroy()
    const [span] = await spans(1)
    t.match(span, { name: 'POST /v1/embeddings', attributes: { 'http.response.status_code': 499 } })
  })
  t.strictSame(troubles, [])
})

t.test('the service sends its spans to a collector, the last of them while it shuts down, and says when it cannot', async t => {
  const received: Array<{ url: string | undefined, type: string | undefined, body: Buffer }> = []
  let status = 200
  const collector = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    received.push({ url: request.url, type: request.headers['content-type'], body })
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.teardown(() => collector.close())
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test', TUNE: 'off', DRAIN_DELAY_MS: '0' }
  const port = await freePort()
  const child = await startService(t, port, settings)
  const ask = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/v1/embeddings`, { method: 'POST', headers: jpeg, body: await picture(60, 40) })).status
  t.equal(await ask(), 200)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
  t.match(received, [{ url: '/v1/traces', type: 'application/x-protobuf' }])
  const body = received.map(({ body }) => body.toString('latin1')).join('')
  for (const text of ['vovnet-serve', 'deployment.environment', 'POST /v1/embeddings', 'decode', 'queue', 'infer', 'encode', 'batch']) t.match(body, text)

  status = 400
  const { child: refused, said } = start(t, process.execPath, ['dist/cli.js', 'serve'], { ...settings, HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'warn', OTEL_BSP_SCHEDULE_DELAY: '20' })
  while (!said().includes('is ready on')) await sleep(20)
  t.equal(await ask(), 200, 'and serves all the same')
  while (!said().includes('tracing trouble')) await sleep(20)
  refused.kill('SIGTERM')
  t.strictSame(await once(refused, 'exit'), [0, null])
})
