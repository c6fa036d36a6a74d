import t, { type Test } from 'tap'
import { buildApp, type App } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import type { Device } from '../../src/inference/device.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'

async function app (t: Test, device: Device): Promise<App> {
  const model = loadModel(modelAt(DEFAULT_MODEL))
  const app = await buildApp({ config: readConfig({}), device, models: [{ model, plan: { instances: 1, threadsPerInstance: 1, wideThreads: 1, maxBatchSize: 1 } }], decodeThreads: 1 })
  t.teardown(async () => await app.http.close())
  return app
}

t.test('the device\'s check is in the model\'s card and in the metrics', async t => {
  const { http, warm } = await app(t, { provider: 'cpu', precision: 'fp16', ids: [], reason: 'why', fallback: true })
  t.match((await http.inject('/v1/models')).json().data[0].device, { checks: [] }, 'while it is being loaded')
  await warm()
  const { provider, precision, device } = (await http.inject('/v1/models')).json().data[0]
  t.match({ provider, precision, device }, { provider: 'cpu', precision: 'fp16', device: { ids: [], reason: 'why', fallback: true, checks: [{ id: null, golden: { tolerance: 0.02 } }] } })
  const [{ nodes, golden }] = device.checks
  t.ok(nodes.CPUExecutionProvider > 50)
  t.ok(golden.difference > 0 && golden.difference < 0.02)

  const { body } = await http.inject('/metrics')
  const model = 'vovnet19-slim-dw-cifar10'
  t.match(body, `vovnet_graph_nodes{model="${model}",provider="CPUExecutionProvider"} ${nodes.CPUExecutionProvider}`)
  t.match(body, `vovnet_golden_difference{model="${model}"} ${golden.difference}`)
  t.match(body, /^vovnet_provider_fallback 1$/m)
  t.match(body, /^vovnet_model_info\{.*precision="fp16",provider="cpu"/m)
})

t.test('float32 on the CPU is what others are compared with', async t => {
  const { http, warm } = await app(t, { provider: 'cpu', precision: 'fp32', ids: [] })
  await warm()
  t.match((await http.inject('/v1/models')).json().data[0].device, { reason: null, fallback: false, checks: [{ golden: null }] })
  const { body } = await http.inject('/metrics')
  t.notMatch(body, /^vovnet_golden_difference\{/m)
  t.match(body, /^vovnet_provider_fallback 0$/m)
})

t.test('a device that does not work ends the start', async t => {
  const { warm } = await app(t, { provider: 'cuda', precision: 'fp32', ids: [255] })
  await t.rejects(warm(), { code: 'provider_unavailable' })
})
