import t, { type Test } from 'tap'
import { Engine, type InferenceResult } from '../../src/inference/engine.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { EXIT, HANG } from './faulty-worker.js'

const model = loadModel(modelAt(DEFAULT_MODEL))
const SIZE = 64

interface Built { engine: Engine, events: string[] }

async function engine (t: Test, { instances = 1, maxBatchSize = 4, runLimitMs = 30_000 } = {}): Promise<Built> {
  const events: string[] = []
  const built = new Engine({
    settings: { provider: 'cpu', precision: 'fp32' },
    instances,
    maxQueueDelayMs: 0,
    runLimitMs,
    padsBatches: false,
    observer: { runEnded: () => {}, trouble: event => { events.push(event) } },
    worker: new URL('./faulty-worker.js', import.meta.url)
  })
  t.teardown(async () => await built.close())
  await built.load([{ model, plan: { instances, threadsPerInstance: 1, wideThreads: 1, maxBatchSize } }])
  return { engine: built, events }
}

const pixels = (seed: number, mark: number[] = []): Uint8Array<ArrayBuffer> => {
  const data = Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, index) => (index * 31 + seed * 7919) * 2654435761 >>> 24)
  data.set(mark)
  return data
}

async function infer (engine: Engine, data: Uint8Array<ArrayBuffer>): Promise<InferenceResult> {
  return await engine.infer({ model, data, width: SIZE, height: SIZE, outputs: ['stage5.avg'] })
}

/** `ok` or the error's code, in order. */
async function outcomes (all: Array<Promise<unknown>>): Promise<string[]> {
  return (await Promise.allSettled(all)).map(outcome => outcome.status === 'fulfilled' ? 'ok' : (outcome.reason as { code: string }).code)
}

t.test('an image that makes a run throw fails alone; its batch is halved until it is by itself', async t => {
  const { engine: one } = await engine(t)
  const expected = await infer(one, pixels(3))
  const short = pixels(9).slice(0, 100)
  const first = infer(one, pixels(0))
  const batch = [infer(one, pixels(1)), infer(one, short), infer(one, pixels(2)), infer(one, pixels(3))]
  t.strictSame(await outcomes([first, ...batch]), ['ok', 'ok', 'internal', 'ok', 'ok'])
  t.strictSame((await batch[3]!).tensors, expected.tensors, 'and its neighbours get their own answers')
})

t.test('a thread that ends during a run is replaced, and its images run again once, each by itself', async t => {
  const { engine: one, events } = await engine(t)
  const first = infer(one, pixels(0))
  const batch = [infer(one, pixels(1)), infer(one, pixels(2, EXIT)), infer(one, pixels(3))]
  t.strictSame(await outcomes([first, ...batch]), ['ok', 'ok', 'internal', 'ok'])
  t.strictSame(await outcomes([infer(one, pixels(4))]), ['ok'], 'the engine goes on')
  t.ok(events.filter(event => event === 'instance_replaced').length >= 2, 'lost with the batch, and again with the culprit')
})

t.test('a run that hangs: its images are told, the others are answered, the engine says so', async t => {
  const { engine: two, events } = await engine(t, { instances: 2, maxBatchSize: 1, runLimitMs: 400 })
  const hung = infer(two, pixels(1, HANG))
  const others = Array.from({ length: 6 }, async (_, seed) => await infer(two, pixels(seed)))
  t.strictSame(await outcomes([hung, ...others]), ['run_timeout', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
  t.strictSame(events, ['run_hung'])
  t.match(two.instanceStates(model), { hung: 1, idle: 1 })
})

t.test('when the last instance hangs, what waits is told at once', async t => {
  const { engine: one } = await engine(t, { maxBatchSize: 1, runLimitMs: 200 })
  const all = [infer(one, pixels(1, HANG)), infer(one, pixels(2)), infer(one, pixels(3))]
  t.strictSame(await outcomes(all), ['run_timeout', 'not_ready', 'not_ready'])
  t.strictSame(await outcomes([infer(one, pixels(4))]), ['not_ready'])
})
