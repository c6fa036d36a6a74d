import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { form, picture } from '../build-test-app.js'
import { answers, freePort, start } from '../deploy/processes.js'

t.setTimeout(110_000)

interface Line { readonly [field: string]: unknown }

t.test('the log: JSON, one line to begin with, one a request, and neither keys nor images', async t => {
  const port = await freePort()
  const settings = { HF_TOKEN: 'hf_neverinalog', MAX_QUEUE_SIZE: '77', TUNE: 'off', DRAIN_DELAY_MS: '0' }
  const { child, said } = start(t, process.execPath, ['dist/cli.js', 'serve'], { ...settings, HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'info' })
  const url = `http://127.0.0.1:${port}`
  await answers(`${url}/health/ready`, () => child.exitCode === null ? undefined : said())
  const photo = await picture(90, 60)
  const secret = { authorization: 'Bearer sk-neverinalog', 'x-api-key': 'sk-neverinalog' }
  const jpeg = { 'content-type': 'image/jpeg', ...secret }
  await fetch(`${url}/v1/embeddings?stage=stage4`, { method: 'POST', headers: { ...jpeg, 'x-request-id': 'mine-1' }, body: photo })
  const multipart = form([{ name: 'images', value: photo }])
  await fetch(`${url}/v1/features`, { method: 'POST', headers: { ...multipart.headers, ...secret, 'x-request-id': 'mine-2' }, body: multipart.payload })
  await fetch(`${url}/v1/embeddings`, { method: 'POST', headers: { 'content-type': 'application/json', ...secret, 'x-request-id': 'mine-3' }, body: JSON.stringify({ input: photo.subarray(0, 300).toString('base64') }) })
  await fetch(`${url}/nowhere?key=sk-neverinalog`, { headers: { 'x-request-id': 'mine-4' } })
  const socket = connect(port, '127.0.0.1')
  socket.write('POST /v1/embeddings HTTP/1.1\r\nhost: x\r\nx-request-id: mine-5\r\ncontent-type: image/jpeg\r\ncontent-length: 1000\r\n\r\nabc')
  await sleep(200)
  socket.destroy()
  while (!said().includes('mine-5')) await sleep(10)
  child.kill('SIGTERM')
  await once(child, 'exit')

  const text = said().split('\n').filter(line => line !== '')
  t.equal(text.filter(line => !line.startsWith('{')).length, 1, 'the line for people, with the curl to paste')
  const lines = text.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Line)
  const ready = lines.filter(({ msg }) => msg === 'ready')
  t.equal(ready.length, 1)
  t.match(ready[0], {
    version: String,
    url,
    provider: 'cpu',
    precision: 'fp32',
    cores: Number,
    memoryBytes: Number,
    node: process.version,
    models: [{ id: 'vovnet19-slim-dw-cifar10', variant: 'V-19-slim-dw-eSE', dialect: 'timm-b', sha256: /^[0-9a-f]{64}$/, instances: Number, threadsPerInstance: Number, maxBatchSize: Number }],
    settings: { MAX_QUEUE_SIZE: 77, HF_TOKEN: '(set)' }
  })
  t.notOk('WEIGHTS_DIR' in (ready[0]!['settings'] as object), 'what is as it comes is left out')
  const requests = lines.filter(({ msg }) => msg === 'request')
  const model = 'vovnet19-slim-dw-cifar10'
  t.match(requests, [
    { reqId: 'mine-1', method: 'POST', path: '/v1/embeddings', status: 200, model, decodeMs: Number, queueMs: Number, inferMs: Number, encodeMs: Number, ms: Number, client: '127.0.0.1' },
    { reqId: 'mine-2', path: '/v1/features', status: 200, model },
    { reqId: 'mine-3', path: '/v1/embeddings', status: 422 },
    { reqId: 'mine-4', method: 'GET', path: '/nowhere', status: 404 },
    { reqId: 'mine-5', status: 499 }
  ])
  t.equal(requests.length, 5, 'probes have none')
  t.notMatch(said(), 'neverinalog')
  t.notMatch(said(), photo.subarray(0, 30).toString('base64'))
})
