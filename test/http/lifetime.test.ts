import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { App } from '../../src/app.js'
import { buildTestApp, picture, type TestAppOptions } from '../build-test-app.js'

const jpeg = { 'content-type': 'image/jpeg' }

async function listening (t: Test, options: TestAppOptions = {}): Promise<App & { url: string, port: number }> {
  const app = await buildTestApp(t, options)
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  return { ...app, url, port: Number(new URL(url).port) }
}

async function metric (app: App, line: RegExp): Promise<number> {
  const { body } = await app.http.inject('/metrics')
  return Number(line.exec(body)?.[1] ?? 0)
}

t.test('over the deadline: 504, shortened by the client, and the place is free again', async t => {
  const app = await listening(t, { settings: { MAX_QUEUE_SIZE: '1' } })
  // Few bytes and a long run: nothing else can be what takes the time.
  const late = await fetch(`${app.url}/v1/embeddings?size=2048`, { method: 'POST', headers: { ...jpeg, 'x-request-timeout-ms': '200' }, body: await picture(64, 64) })
  t.equal(late.status, 504)
  t.match(await late.json(), { error: { code: 'deadline_exceeded' } })
  const next = await app.http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload: await picture(64, 64) })
  t.equal(next.statusCode, 200)
  t.equal(await metric(app, /vovnet_rejections_total\{reason="deadline_exceeded"\} (\d+)/), 1)
  t.equal(await metric(app, /vovnet_images_total\{model="[^"]+",outcome="cancelled"\} (\d+)/), 1)
})

t.test('over the queue: 429 with Retry-After at once, and those inside are served', async t => {
  const app = await listening(t, { settings: { MAX_QUEUE_SIZE: '2' } })
  const payload = await picture(400, 300)
  const answers = await Promise.all(Array.from({ length: 8 }, async () => await app.http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload })))
  const refused = answers.filter(answer => answer.statusCode === 429)
  t.equal(answers.filter(answer => answer.statusCode === 200).length + refused.length, 8)
  t.equal(refused.length, 6)
  t.match(refused[0]!.json(), { error: { code: 'queue_full', type: 'overloaded_error' } })
  t.ok(Number(refused[0]!.headers['retry-after']) >= 1)
  t.equal(await metric(app, /vovnet_rejections_total\{reason="queue_full"\} (\d+)/), 6)
})

t.test('a client that hangs up frees its place and is counted by phase', async t => {
  const app = await listening(t, { settings: { MAX_QUEUE_SIZE: '1' } })
  const payload = await picture(3000, 3000)
  const socket = connect(app.port, '127.0.0.1')
  socket.write(`POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: image/jpeg\r\ncontent-length: ${payload.length}\r\n\r\n`)
  socket.write(payload)
  while (await metric(app, /vovnet_image_bytes_count (\d+)/) === 0) await sleep(2)
  socket.destroy()
  while (await metric(app, /vovnet_cancellations_total\{phase="decode"\} (\d+)/) === 0) await sleep(2)
  t.equal(await metric(app, /vovnet_inflight_requests (\d+)/), 0)
  const next = await app.http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload: await picture(64, 64) })
  t.equal(next.statusCode, 200)
})

t.test('a body that does not arrive: 408, and the connection is closed', async t => {
  const app = await listening(t)
  for (const type of ['image/jpeg', 'multipart/form-data; boundary=x']) {
    const socket = connect(app.port, '127.0.0.1')
    socket.write(`POST /v1/embeddings HTTP/1.1\r\nhost: x\r\nx-request-timeout-ms: 100\r\ncontent-type: ${type}\r\ncontent-length: 1000\r\n\r\n--x\r\n`)
    let answer = ''
    socket.on('data', chunk => { answer += String(chunk) })
    await once(socket, 'close')
    t.match(answer, /^HTTP\/1\.1 408 /, type)
    t.match(answer, /"code":"request_body_timeout"/)
  }
  const next = await app.http.inject({ method: 'POST', url: '/v1/embeddings', headers: jpeg, payload: await picture(64, 64) })
  t.equal(next.statusCode, 200)
})

t.test('not ready: 503 with Retry-After for work and readiness, while liveness holds', async t => {
  const app = await listening(t)
  t.equal((await app.http.inject('/health/ready')).statusCode, 200)
  app.drain()
  const ready = await app.http.inject('/health/ready')
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { error: { code: 'not_ready' } })
  t.equal((await app.http.inject('/health/live')).statusCode, 200)
})

t.test('closing answers what is in', async t => {
  const app = await listening(t)
  const payload = await picture(1000, 1000)
  const answers = Array.from({ length: 4 }, async () => await fetch(`${app.url}/v1/embeddings`, { method: 'POST', headers: { ...jpeg, connection: 'close' }, body: payload }))
  while (await metric(app, /vovnet_image_bytes_count (\d+)/) < 4) await sleep(1)
  await app.http.close()
  t.strictSame((await Promise.all(answers)).map(answer => answer.status), [200, 200, 200, 200])
})

t.test('a client that leaves while it sends: no answer is counted but 499, and nothing as refused', async t => {
  const app = await listening(t)
  for (const type of ['image/jpeg', 'multipart/form-data; boundary=x', 'application/json']) {
    const before = await metric(app, /vovnet_requests_total\{[^}]*code="499"\} (\d+)/)
    const socket = connect(app.port, '127.0.0.1')
    socket.write(`POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 1000\r\n\r\n--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\n\r\nabc`)
    while (await metric(app, /vovnet_inflight_requests (\d+)/) === 0) await sleep(2)
    socket.destroy()
    while (await metric(app, /vovnet_inflight_requests (\d+)/) > 0) await sleep(2)
    t.equal(await metric(app, /vovnet_requests_total\{[^}]*code="499"\} (\d+)/), before + 1, type)
  }
  await sleep(50) // what an error handler would count comes after the socket's end
  const { body } = await app.http.inject('/metrics')
  t.strictSame([...body.matchAll(/^vovnet_rejections_total\{.*\} [1-9]\d*$/gm)].map(([line]) => line), [])
  t.notMatch(body, /vovnet_requests_total\{[^}]*code="400"/)
})
