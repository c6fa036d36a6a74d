import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { EngineDevice } from '../../src/inference/device.js'
import { Engine } from '../../src/inference/engine.js'
import type { CheckTask, RunTask } from '../../src/inference/task.js'
import type { Size } from '../../src/inference/warm-up.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel, type LoadedModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { CHANNEL, EXIT } from './fake-gpu-worker.js'

const model: LoadedModel = loadModel(modelAt(DEFAULT_MODEL))
const PYRAMID: LoadedModel = { ...model, id: 'pyramid', network: { ...model.network, pyramid: { channels: 4, stages: [3, 4, 5] } } }

type Seen = (CheckTask | RunTask) & { deviceId: number }

interface Options { settings: EngineDevice, instances: number, maxBatchSize: number, models?: LoadedModel[], warmSizes?: Size[] }

/** An engine of threads that only pretend to compute. */
async function engine (t: Test, { models = [model], instances, maxBatchSize, ...rest }: Options): Promise<{ engine: Engine, seen: Seen[], troubles: string[] }> {
  const seen: Seen[] = []
  const channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = event => { seen.push((event as { data: Seen }).data) }
  t.teardown(() => channel.close())
  const troubles: string[] = []
  const built = new Engine({
    ...rest,
    instances,
    maxQueueDelayMs: 0,
    runLimitMs: 10_000,
    padsBatches: true,
    observer: { runEnded: () => {}, trouble: event => { troubles.push(event) } },
    worker: new URL('./fake-gpu-worker.js', import.meta.url)
  })
  t.teardown(async () => await built.close())
  await built.load(models.map(model => ({ model, plan: { instances, threadsPerInstance: 1, wideThreads: 1, maxBatchSize } })))
  return { engine: built, seen, troubles }
}

/** What was told until nothing more came: the channel is not in step with the answers. */
async function told (seen: readonly Seen[]): Promise<Seen[]> {
  let before: number
  do {
    before = seen.length
    await sleep(50)
  } while (seen.length > before)
  return [...seen]
}

async function runs (seen: readonly Seen[]): Promise<Array<RunTask & { deviceId: number }>> {
  return (await told(seen)).filter(task => task.type === 'run')
}

t.test('a GPU runs every graph in every batch size before it is ready, up to the next power of two', async t => {
  const { seen } = await engine(t, { settings: { provider: 'cuda' }, instances: 1, maxBatchSize: 6 })
  const expected = ['stem', 'stage2', 'stage3', 'stage4', 'stage5'].flatMap(depth => [1, 2, 4, 8].map(batch => `${depth} 64x64 x${batch}`))
  t.same((await runs(seen)).map(({ depth, width, height, paddedTo }) => `${depth} ${width}x${height} x${paddedTo}`), expected)
})

t.test('and in the sizes that are asked for', async t => {
  const { seen } = await engine(t, { settings: { provider: 'cuda' }, instances: 1, maxBatchSize: 1, models: [PYRAMID], warmSizes: [{ width: 96, height: 32 }, { width: 64, height: 64 }] })
  const expected = ['stem', 'stage2', 'stage3', 'stage4', 'stage5', 'fpn'].flatMap(depth => [`${depth} 64x64`, `${depth} 96x32`])
  t.same((await runs(seen)).map(({ depth, width, height }) => `${depth} ${width}x${height}`), expected)
})

t.test('a size no map fits into is refused', async t => {
  const built = engine(t, { settings: { provider: 'cuda' }, instances: 1, maxBatchSize: 1, warmSizes: [{ width: 20, height: 64 }] })
  await t.rejects(built, { code: 'image_too_small' })
})

t.test('instances go to the devices in turn; the first on each checks every model', async t => {
  const { engine: built, seen } = await engine(t, { settings: { provider: 'cuda', precision: 'fp16', ids: [1, 3] }, instances: 3, maxBatchSize: 1, models: [model, PYRAMID] })
  const checks = (await told(seen)).filter(task => task.type === 'check').map(({ deviceId, model, depth }) => `${model.split('#')[0]} ${depth} on ${deviceId}`)
  t.same(checks.sort(), ['pyramid fpn on 1', 'pyramid fpn on 3', `${model.id} stage5 on 1`, `${model.id} stage5 on 3`])
  t.same(new Set((await runs(seen)).map(({ deviceId }) => deviceId)), new Set([1, 3]))
  t.match(built.planOf(model).checks.map(({ deviceId }) => deviceId).sort(), [1, 3])
})

t.test('a thread that is replaced warms up again; its device was checked already', async t => {
  const { engine: built, seen, troubles } = await engine(t, { settings: { provider: 'cuda', ids: [0] }, instances: 1, maxBatchSize: 1 })
  const data = new Uint8Array(64 * 64 * 3).fill(EXIT)
  await t.rejects(built.infer({ model, data, width: 64, height: 64, outputs: ['stage5.avg'] }))
  await told(seen)
  t.same(troubles.slice(0, 1), ['instance_replaced'])
  t.equal(seen.filter(({ type }) => type === 'check').length, 1)
  t.ok((await runs(seen)).length >= 2 * 5, 'both warmed')
})

t.test('a device with too little memory for the planned batch takes smaller ones', async t => {
  const { engine: built, seen, troubles } = await engine(t, { settings: { provider: 'cuda', ids: [1] }, instances: 1, maxBatchSize: 16 })
  t.equal(built.planOf(model).batchLimit, 4)
  t.same(troubles, ['batch_halved'])
  t.same((await runs(seen)).slice(0, 7).map(({ paddedTo }) => paddedTo), [1, 2, 4, 8, 1, 2, 4], 'nothing larger is tried again')
  const data = new Uint8Array(64 * 64 * 3)
  const images = Array.from({ length: 9 }, async () => await built.infer({ model, data, width: 64, height: 64, outputs: ['stage5.avg'] }))
  t.ok((await Promise.all(images)).every(({ tensors }) => tensors['stage5.avg']?.data[0] === 1))
  t.same((await runs(seen)).slice(-3).map(({ images, paddedTo }) => `${images.length} of ${paddedTo}`), ['1 of 1', '4 of 4', '4 of 4'])
})

t.test('a batch is padded to a power of two', async t => {
  const { engine: built, seen } = await engine(t, { settings: { provider: 'cuda', ids: [0] }, instances: 1, maxBatchSize: 4 })
  const data = new Uint8Array(64 * 64 * 3)
  await Promise.all(Array.from({ length: 4 }, async () => await built.infer({ model, data, width: 64, height: 64, outputs: ['stage3'] })))
  t.same((await runs(seen)).slice(-2).map(({ images, paddedTo }) => `${images.length} of ${paddedTo}`), ['1 of 1', '3 of 4'])
})
