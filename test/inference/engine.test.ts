import t, { type Test } from 'tap'
import { Engine } from '../../src/inference/engine.js'
import type { OutputName } from '../../src/model/network.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel, type LoadedModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'

const model: LoadedModel = loadModel(modelAt(DEFAULT_MODEL))

interface Run { batchSize: number, depth: string }

async function engine (t: Test, options: { instances?: number, maxBatchSize?: number } = {}): Promise<{ engine: Engine, runs: Run[] }> {
  const runs: Run[] = []
  const { instances = 1, maxBatchSize = 1 } = options
  const built = new Engine({
    settings: { provider: 'cpu' },
    instances,
    maxQueueDelayMs: 0,
    runLimitMs: 30_000,
    padsBatches: false,
    observer: { runEnded: run => { runs.push(run) }, trouble: () => {} }
  })
  t.teardown(async () => await built.close())
  await built.load([{ model, plan: { instances, threadsPerInstance: 1, wideThreads: 1, maxBatchSize } }])
  return { engine: built, runs }
}

const made = new Map<string, Uint8Array<ArrayBuffer>>()

function noise (seed: number, size: number): Uint8Array<ArrayBuffer> {
  const known = made.get(`${seed} ${size}`)
  if (known !== undefined) return known
  const pixels = Uint8Array.from({ length: size * size * 3 }, (_, index) => (index * 31 + seed * 7919) * 2654435761 >>> 24)
  made.set(`${seed} ${size}`, pixels)
  return pixels
}

async function infer (engine: Engine, seed: number, outputs: OutputName[], options: { size?: number, signal?: AbortSignal } = {}): Promise<Record<string, number[]>> {
  const { size = 64, signal } = options
  const { tensors } = await engine.infer({ model, data: noise(seed, size), width: size, height: size, outputs, signal })
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [...tensor.data]]))
}

t.test('a batch of N equals N singles, bit for bit', async t => {
  const { engine: one } = await engine(t)
  const { engine: many, runs } = await engine(t, { maxBatchSize: 8 })
  const outputs: OutputName[] = ['stage3', 'stage5', 'stage5.gem', 'logits']
  const seeds = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const batched = await Promise.all(seeds.map(async seed => await infer(many, seed, outputs)))
  t.strictSame(runs.map(run => run.batchSize), [1, 8], 'the first ran at once, the others waited and shared a run')
  for (const seed of seeds) t.strictSame(batched[seed], await infer(one, seed, outputs), `image ${seed}`)
})

t.test('images of one run may ask for different outputs of its graph, each gets its own', async t => {
  const { engine: many, runs } = await engine(t, { maxBatchSize: 8 })
  const [, a, b] = await Promise.all([infer(many, 0, ['stage5']), infer(many, 1, ['stem', 'stage5']), infer(many, 2, ['stage5.max'])])
  t.strictSame(runs.map(run => run.batchSize), [1, 2])
  t.strictSame(Object.keys(a!), ['stem', 'stage5'])
  t.strictSame(Object.keys(b!), ['stage5.max'])
})

t.test('other sizes and depths do not share a run, and a shallow request runs the shallow graph', async t => {
  const { engine: many, runs } = await engine(t, { maxBatchSize: 8 })
  await Promise.all([infer(many, 0, ['stage5']), infer(many, 1, ['stage5']), infer(many, 2, ['stage2']), infer(many, 3, ['stage5'], { size: 96 }), infer(many, 4, ['stage5'])])
  t.strictSame(runs.map(({ batchSize, depth }) => `${depth} x${batchSize}`), ['stage5 x1', 'stage5 x2', 'stage2 x1', 'stage5 x1'])
})

t.test('an aborted image leaves the queue and never runs', async t => {
  const { engine: one, runs } = await engine(t)
  const abort = new AbortController()
  const first = infer(one, 0, ['stage5'])
  const second = infer(one, 1, ['stage5'], { signal: abort.signal })
  t.equal(one.queueDepth(model.id), 1)
  t.strictSame(one.instanceStates(model), { starting: 0, idle: 0, busy: 1, other: 0, hung: 0, dead: 0 })
  const reason = new Error('gone')
  abort.abort(reason)
  await t.rejects(second, reason)
  t.equal(one.queueDepth(model.id), 0)
  await first
  t.equal(runs.length, 1)
})

t.test('images handed over ahead still wait: an aborted one never runs, its neighbours do', async t => {
  const { engine: one, runs } = await engine(t, { maxBatchSize: 2 })
  await Promise.all([0, 1, 2, 3, 4, 5].map(async seed => await infer(one, seed, ['stage5'], { size: 160 }))) // what a run costs is known now
  runs.length = 0
  const abort = new AbortController()
  const all = [0, 1, 2, 3, 4, 5].map(async seed => await infer(one, seed, ['stage5'], { size: 160, ...seed === 1 ? { signal: abort.signal } : {} }))
  t.equal(one.queueDepth(model.id), 5, 'one runs, two are ahead, three wait')
  abort.abort(new Error('gone'))
  await t.rejects(all[1]!, { message: 'gone' })
  await Promise.allSettled(all)
  t.strictSame(runs.map(run => run.batchSize), [1, 2, 1, 1])
  t.equal(one.queueDepth(model.id), 0)
})

t.test('a model keeps to as many instances as its plan says, and is loaded in no other', async t => {
  const built = new Engine({ settings: { provider: 'cpu' }, instances: 2, maxQueueDelayMs: 0, runLimitMs: 30_000, padsBatches: false, observer: { runEnded: () => {}, trouble: () => {} } })
  t.teardown(async () => await built.close())
  const other = { ...model, id: 'other' }
  const plan = { threadsPerInstance: 1, wideThreads: 1, maxBatchSize: 1 }
  await built.load([{ model, plan: { ...plan, instances: 2 } }, { model: other, plan: { ...plan, instances: 1 } }])
  const ask = async (of: LoadedModel): Promise<unknown> => await built.infer({ model: of, data: noise(1, 64), width: 64, height: 64, outputs: ['stage5.avg'] })
  const all = Array.from({ length: 12 }, async (_, index) => await ask(index % 2 === 0 ? model : other))
  t.strictSame(built.instanceStates(model), { starting: 0, idle: 0, busy: 2, other: 0, hung: 0, dead: 0 }, 'the first of the other model waits for the first instance')
  t.strictSame(built.instanceStates(other), { starting: 0, idle: 0, busy: 0, other: 1, hung: 0, dead: 0 })
  t.equal((await Promise.all(all)).length, 12)
  await built.unload(other)
  t.ok(await ask(model))
})

t.test('close answers what is queued, then refuses', async t => {
  const { engine: one } = await engine(t)
  const inside = [0, 1, 2].map(async seed => await infer(one, seed, ['stage5']))
  await one.close()
  t.equal((await Promise.all(inside)).length, 3)
  await t.rejects(infer(one, 0, ['stage5']), { code: 'not_ready' })
})

t.test('a run that fails fails alone', async t => {
  const { engine: one } = await engine(t)
  await t.rejects(infer(one, 0, ['logits' as OutputName, 'nothing' as OutputName]))
  t.ok(await infer(one, 0, ['stage5']))
})
