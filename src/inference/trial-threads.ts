import { countMacs } from '../model/cost.js'
import { TaskThread } from '../threads/task-thread.js'
import type { LoadedModel } from '../weights/load.js'
import { coreShare } from './core-share.js'
import { settingsOf, type EngineDevice } from './device.js'
import type { Layout, SearchSpace } from './search-space.js'
import type { InferenceTask, RunResult, RunTask } from './task.js'
import { Tuner, type Effort, type Meter, type Tuned } from './tuner.js'

const WORKER = new URL('./worker.js', import.meta.url)
/** Pixels a side: a tenth of a second for the largest variant; smaller images tell little, their runs are spent on fetching weights. */
const PROBE_SIDE = 128
/** Below this share of a core for a thread that wants a whole one, short windows measure chance, and all of it takes far longer. */
const QUIET = 0.9

/** Milliseconds to build a session, a byte of weights: 0.4 s for 96 MB, 1 to 1.5 s for 265. */
const BUILD_MS = 4 / 2 ** 20
/** The least a comparison takes: a session to see what to expect, and one for each of two layouts. */
const LEAST_BUILDS = 3

type Thread = TaskThread<InferenceTask, RunResult>

/** Inference threads like the engine's, to try layouts on; one model at a time. */
export class TrialThreads {
  readonly #device: EngineDevice
  readonly #threads: Thread[] = []

  constructor (device: EngineDevice) {
    this.#device = device
  }

  /** @throws Error when the budget is too small for such a model, or the machine too busy for it, or when the model cannot run */
  async tune (model: LoadedModel, space: SearchSpace, effort: Effort): Promise<Tuned> {
    const leastMs = LEAST_BUILDS * BUILD_MS * model.weights.buffer.byteLength
    if (effort.budgetMs < leastMs) throw new Error(`a comparison would take ${Math.round(leastMs)} ms or more, there are ${Math.round(effort.budgetMs)}; --tune takes the time`)
    if (effort.budgetMs < Infinity && coreShare() < QUIET) throw new Error('the machine is too busy to measure anything in a moment')
    this.#start(space.first.instances) // each takes a while, beside the first session's building
    const tuned = await new Tuner(this.#meter(model), effort).search(space)
    await Promise.all(this.#threads.map(async thread => await thread.run({ type: 'unload', model: model.id })))
    return tuned
  }

  async close (): Promise<void> {
    await Promise.all(this.#threads.map(async thread => await thread.close()))
  }

  /** Runs of this model at its own input size, all the way to stage5. */
  #meter (model: LoadedModel): Meter {
    const { width, height } = model.preprocess.geometry
    const image = noise(width, height)
    const loaded = new Set<Thread>()
    const threadsFor = async (instances: number): Promise<Thread[]> => {
      const threads = await this.#first(instances)
      const load: InferenceTask = { type: 'load', model: model.id, network: model.network, weights: model.weights }
      await Promise.all(threads.filter(thread => !loaded.has(thread)).map(async thread => {
        await thread.run(load)
        loaded.add(thread)
      }))
      return threads
    }
    return {
      now: () => performance.now(),
      async probe () {
        const [thread] = await threadsFor(1)
        const task = runOf(model.id, { threads: 1, batch: 1 }, noise(PROBE_SIDE, PROBE_SIDE))
        const started = performance.now()
        const first = await thread!.run(task)
        const buildMs = performance.now() - started - first.inferMs
        const { inferMs } = await thread!.run(task)
        return { buildMs, imageMs: inferMs * macs(model, height, width) / macs(model, PROBE_SIDE, PROBE_SIDE) }
      },
      async prepare (layout) {
        const task = runOf(model.id, layout, image)
        await settled((await threadsFor(layout.instances)).map(async thread => await thread.run(task)))
      },
      async rate (layout, windowMs) {
        const task = runOf(model.id, layout, image)
        const rates = await settled((await threadsFor(layout.instances)).map(async thread => await rateOf(thread, task, windowMs)))
        return rates.reduce((sum, rate) => sum + rate)
      }
    }
  }

  #start (count: number): void {
    for (let index = this.#threads.length; index < count; index++) {
      this.#threads.push(new TaskThread(WORKER, { name: `trial-${index}`, data: settingsOf(this.#device, index) }))
    }
  }

  async #first (count: number): Promise<Thread[]> {
    this.#start(count)
    const threads = this.#threads.slice(0, count)
    await Promise.all(threads.map(async ({ ready }) => await ready))
    return threads
  }
}

/** One thread's images a second, by its own time: nobody is charged for waiting for the slowest. */
async function rateOf (thread: Thread, task: RunTask, windowMs: number): Promise<number> {
  const started = performance.now()
  let images = 0
  let elapsed = 0
  while (elapsed < windowMs) {
    await thread.run(task)
    images += task.paddedTo
    elapsed = performance.now() - started
  }
  return images / elapsed * 1000
}

/** All of them, once every one has ended: a thread takes one task at a time, so none may be left in hand. */
async function settled<Value> (promises: ReadonlyArray<Promise<Value>>): Promise<Value[]> {
  await Promise.allSettled(promises)
  return await Promise.all(promises)
}

interface Image { readonly width: number, readonly height: number, readonly data: Uint8Array<ArrayBuffer> }

/** Not zeros: what follows from those may run faster or, where numbers become denormal, slower. */
function noise (width: number, height: number): Image {
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, index) => index * 2654435761 >>> 24) }
}

function runOf (model: string, { threads, batch }: Omit<Layout, 'instances'>, { width, height, data }: Image): RunTask {
  return { type: 'run', model, depth: 'stage5', threads, width, height, paddedTo: batch, images: Array.from({ length: batch }, () => ({ data, outputs: ['stage5.avg'] })) }
}

function macs (model: LoadedModel, height: number, width: number): number {
  return countMacs(model.network, height, width, 'stage5').backbone
}
