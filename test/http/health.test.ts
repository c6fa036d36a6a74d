import sharp from 'sharp'
import t from 'tap'
import { buildApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { CPU } from '../../src/inference/device.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL, picture } from '../build-test-app.js'
import { HANG } from '../inference/faulty-worker.js'

t.test('a run that hangs: its client is told, readiness and liveness fail, others are still answered, the server is called', async t => {
  let hung = 0
  const { http, warm } = await buildApp({
    config: readConfig({ RUN_TIMEOUT_MS: '300', WATCH_INTERVAL_MS: '0' }),
    device: CPU,
    models: [{ model: loadModel(modelAt(DEFAULT_MODEL)), plan: { instances: 2, threadsPerInstance: 1, wideThreads: 1, maxBatchSize: 1 } }],
    decodeThreads: 1,
    onHung: () => { hung++ },
    worker: new URL('../inference/faulty-worker.js', import.meta.url)
  })
  t.teardown(async () => await http.close())
  t.equal((await http.inject('/health/ready')).statusCode, 503, 'not ready before it is warm')
  await warm()
  t.equal((await http.inject('/health/ready')).statusCode, 200)
  const pixels = Buffer.alloc(64 * 64 * 3)
  pixels.set(HANG)
  const bomb = await sharp(pixels, { raw: { width: 64, height: 64, channels: 3 } }).png().toBuffer()
  const ask = async (payload: Buffer) => await http.inject({ method: 'POST', url: '/v1/features?resize=none', headers: { 'content-type': 'image/png' }, payload })
  const [bad, good] = await Promise.all([ask(bomb), ask(await picture(64, 64, 'png'))])
  t.equal(bad.statusCode, 500)
  t.match(bad.json(), { error: { code: 'run_timeout' } })
  t.equal(good.statusCode, 200)
  t.equal(hung, 1)
  t.equal((await http.inject('/health/ready')).statusCode, 503)
  const live = await http.inject('/health/live')
  t.equal(live.statusCode, 500)
  t.match(live.json(), { error: { code: 'run_timeout' } })
})
