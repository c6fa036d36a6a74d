/**
 * The engine saturated with tensors (no decoding, no HTTP), running the plan its tuner chose, against the best point of a bare grid
 * of instances x threads x batch, in turns in one run. `node build/bench/grid.js [seconds a window] [rounds]`
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { usableCores } from '../src/inference/cores.js'
import { CPU } from '../src/inference/device.js'
import { Engine } from '../src/inference/engine.js'
import type { RunPlan } from '../src/inference/plan.js'
import { Planner } from '../src/inference/planner.js'
import { nameOf, searchSpace, type Layout } from '../src/inference/search-space.js'
import { modelAt } from '../src/weights/folder.js'
import { initModel } from '../src/weights/init.js'
import { loadModel, type LoadedModel } from '../src/weights/load.js'
import type { GridData, GridPoint } from './grid-worker.js'

const [window = '2', rounds = '5'] = process.argv.slice(2)
const seconds = Number(window)
const cores = usableCores()
const AUTO = { TUNE: 'thorough', INSTANCES: 'auto', THREADS_PER_INSTANCE: 'auto', MAX_BATCH_SIZE: 'auto' } as const
const dir = mkdtempSync(join(tmpdir(), 'vovnet-grid-'))
const OUTPUT = 'stage5.avg'
/** Points of the grid that are measured again beside the engine. */
const FINALISTS = 3

class Grid {
  readonly #workers: Worker[]

  constructor ({ network, weights }: LoadedModel, size: number) {
    const data: GridData = { network, weights, size, output: OUTPUT }
    this.#workers = Array.from({ length: cores }, () => new Worker(new URL('./grid-worker.js', import.meta.url), { workerData: data }))
  }

  async rate ({ instances, threads, batch }: Layout): Promise<number> {
    const workers = this.#workers.slice(0, instances)
    const tell = async (message: GridPoint | 'go'): Promise<unknown[]> => await Promise.all(workers.map(async worker => {
      worker.postMessage(message)
      return (await once(worker, 'message'))[0]
    }))
    await tell({ threads, batch, seconds })
    return (await tell('go') as number[]).reduce((sum, rate) => sum + rate)
  }

  async close (): Promise<void> {
    await Promise.all(this.#workers.map(async worker => {
      worker.postMessage('end')
      await once(worker, 'exit')
    }))
  }
}

async function startEngine (model: LoadedModel, plan: RunPlan): Promise<Engine> {
  const engine = new Engine({
    settings: CPU,
    instances: plan.instances,
    maxQueueDelayMs: 0,
    runLimitMs: 60_000,
    padsBatches: false,
    observer: { runEnded: () => {}, trouble: () => {} }
  })
  await engine.load([{ model, plan }])
  return engine
}

/** Images answered a second, with four batches an instance in hand or waiting from before the window until after it. */
async function engineRate (engine: Engine, model: LoadedModel, { instances, maxBatchSize }: RunPlan): Promise<number> {
  const { width, height } = model.preprocess.geometry
  const pixels = new Uint8Array(new SharedArrayBuffer(width * height * 3)) // as decoding hands them over
  for (let index = 0; index < pixels.length; index++) pixels[index] = index * 2654435761 >>> 24
  let images = 0
  const over = new AbortController()
  const lanes = Array.from({ length: 4 * instances * maxBatchSize }, async () => {
    for (; !over.signal.aborted; images++) await engine.infer({ model, data: pixels, width, height, outputs: [OUTPUT] })
  })
  await sleep(300)
  const [before, started] = [images, performance.now()]
  await sleep(seconds * 1000)
  const rate = (images - before) / ((performance.now() - started) / 1000)
  over.abort()
  await Promise.all(lanes)
  return rate
}

async function compare (loaded: LoadedModel, size: number): Promise<void> {
  const { preprocess } = loaded
  // Another file: the plan is stored beside it, and is not to become the service's.
  const model = { ...loaded, file: join(dir, 'benched'), preprocess: { ...preprocess, geometry: { ...preprocess.geometry, width: size, height: size } } }
  const planner = new Planner({ settings: AUTO, device: CPU, cores, memory: process.availableMemory() })
  const [{ plan, report }] = await planner.plan([model]) as [Awaited<ReturnType<Planner['plan']>>[0]]
  const grid = new Grid(model, size)
  const { first, layouts } = searchSpace(AUTO, { device: CPU, cores, sessions: cores })
  const points = [first, ...layouts].flatMap(layout => [1, 2, 4, 8, 16].map(batch => ({ ...layout, batch })))
  const rates = new Map<Layout, number>()
  for (const point of points) rates.set(point, await grid.rate(point))
  const finalists = [...rates].sort(([, a], [, b]) => b - a).slice(0, FINALISTS).map(([point]) => point)

  const engine = await startEngine(model, plan)
  const measured: { engine: number[], grid: number[][] } = { engine: [], grid: finalists.map(() => []) }
  for (let round = 0; round < Number(rounds); round++) {
    for (const [index, point] of finalists.entries()) measured.grid[index]!.push(await grid.rate(point))
    measured.engine.push(await engineRate(engine, model, plan))
  }
  await Promise.all([engine.close(), grid.close()])
  const best = finalists.map((point, index) => ({ point, rate: median(measured.grid[index]!) })).sort((a, b) => b.rate - a.rate)[0]!
  const rate = median(measured.engine)
  console.log(`${model.network.variant.name} at ${size}: grid ${[...rates].map(([point, rate]) => `${nameOf(point)} ${rate.toFixed(1)}`).join(', ')}`)
  console.log(`  best bare point ${nameOf(best.point)} ${best.rate.toFixed(1)}/s; engine ${nameOf({ instances: plan.instances, threads: plan.threadsPerInstance, batch: plan.maxBatchSize })} ` +
    `(${plan.chosen}, wide ${plan.wideThreads}, tuned in ${(report.tookMs / 1000).toFixed(1)} s) ${rate.toFixed(1)}/s = ${(rate / best.rate).toFixed(3)} of it`)
}

function median (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

try {
  const small = loadModel(modelAt('weights/vovnet19-slim-dw-cifar10'))
  const large = loadModel(initModel({ variant: 'V-39-eSE', dir, id: 'v-39-ese', seed: 1 }))
  for (const model of [small, large]) for (const size of [64, 224]) await compare(model, size)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
