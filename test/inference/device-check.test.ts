import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { DeviceCheck, WorkerSettings } from '../../src/inference/device.js'
import { judgeDevice } from '../../src/inference/device-check.js'
import { deviceTrial } from '../../src/inference/device-trial.js'
import { THIS_MACHINE } from '../../src/inference/gpu-presence.js'
import type { InferenceTask } from '../../src/inference/task.js'
import { foldedValues, foldWeights, type FoldedWeights } from '../../src/model/fold.js'
import { kaimingWeights } from '../../src/model/kaiming.js'
import { TaskThread } from '../../src/threads/task-thread.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { IMAGENET, networkOf, TINY } from '../model/run-network.js'

const WORKER = new URL('../../src/inference/worker.js', import.meta.url)
const NETWORK = networkOf(TINY, { pyramid: { channels: 4, stages: [2, 3, 4, 5] } })

async function check (t: Test, settings: WorkerSettings, change: (weights: FoldedWeights) => void = () => {}): Promise<DeviceCheck> {
  const thread = new TaskThread<InferenceTask, unknown>(WORKER, { name: 'check', data: settings })
  t.teardown(async () => await thread.close())
  await thread.ready
  const weights = foldWeights(NETWORK, IMAGENET, kaimingWeights(NETWORK, 1))
  change(weights)
  await thread.run({ type: 'load', model: 'tiny', network: NETWORK, weights })
  return await thread.run({ type: 'check', model: 'tiny', depth: 'fpn', threads: 1 }) as DeviceCheck
}

t.test('on the CPU: its nodes are counted, there is nothing to compare with', async t => {
  const { nodes, golden } = await check(t, { provider: 'cpu' })
  t.strictSame(Object.keys(nodes!), ['CPUExecutionProvider'])
  t.ok(nodes!['CPUExecutionProvider']! > 50)
  t.equal(golden, undefined)
})

t.test('in half precision it is close to float32, and not the same', async t => {
  const { golden } = await check(t, { provider: 'cpu', precision: 'fp16' })
  t.ok(golden!.difference > 1e-5 && golden!.difference < 4e-3, `off by ${golden!.difference}`)
  t.equal(golden!.tolerance, 0.02)
})

t.test('a device that computes something else is refused', async t => {
  // A weight beyond half precision's range is infinite there.
  await t.rejects(check(t, { provider: 'cpu', precision: 'fp16' }, weights => { foldedValues(weights, 'stem.1.conv.weight')[0] = 1e5 }),
    { code: 'provider_unavailable', message: /within 0\.02 .* received a difference of/ })
})

t.test('what is refused, and what is told of the rest', async t => {
  const outputs = { stage5: Float32Array.of(1, -2) }
  const conv = { provider: 'CUDAExecutionProvider', op: 'Conv', outputTypes: ['float'] }
  const cuda: WorkerSettings = { provider: 'cuda', precision: 'fp16', deviceId: 1 }
  const reference = { stage5: Float32Array.of(1, -2.0625) }
  t.strictSame(judgeDevice(cuda, { nodes: [conv, conv], outputs, reference: { stage5: Float32Array.of(1, -2.03125) } }),
    { deviceId: 1, nodes: { CUDAExecutionProvider: 2 }, golden: { difference: 0.03125 / 2.03125, tolerance: 0.02 } })
  t.throws(() => judgeDevice(cuda, { nodes: [conv], outputs, reference }), { code: 'provider_unavailable' }, 'off by 3 %')
  t.throws(() => judgeDevice(cuda, { nodes: [{ ...conv, provider: 'CPUExecutionProvider' }], outputs, reference: outputs }), { code: 'provider_unavailable' }, 'ran elsewhere')
  t.strictSame(judgeDevice({ provider: 'cpu' }, { nodes: undefined, outputs, reference: undefined }), { nodes: undefined, golden: undefined })
})

t.test('the profile leaves nothing behind, and is done without where it cannot be written', async t => {
  const before = process.env['TMPDIR']
  t.teardown(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  })
  const folder = process.env['TMPDIR'] = t.testdir()
  t.ok((await check(t, { provider: 'cpu' })).nodes)
  t.same(readdirSync(folder).filter(name => name.startsWith('vovnet')), [], 'others, as a compile cache, may write there too')
  process.env['TMPDIR'] = `${folder}/missing`
  t.equal((await check(t, { provider: 'cpu' })).nodes, undefined)
})

t.test('a provider whose libraries are not there', { skip: THIS_MACHINE.missingLibraries('cuda').length === 0 && 'they are' }, async t => {
  const model = loadModel(modelAt(DEFAULT_MODEL))
  await t.rejects(deviceTrial([model])({ provider: 'cuda', precision: 'fp32', ids: [1] }), { code: 'provider_unavailable', message: /cuda \(device 1\)/ })
})

t.test('a trial of the CPU passes and its thread ends', async t => {
  const model = loadModel(modelAt(DEFAULT_MODEL))
  await deviceTrial([model, model])({ provider: 'cpu', precision: 'fp32', ids: [] })
  t.pass()
})
