import type { EngineObserver, EngineOptions } from './engine.js'
import { Instance, type InstanceState } from './instance.js'
import type { ServedModel } from './served-model.js'
import type { RunTask } from './task.js'

const WORKER = new URL('./worker.js', import.meta.url)
const LONGEST_BACKOFF_MS = 30_000

/** The inference threads: started, warmed, replaced when one ends. */
export class Instances {
  readonly #options: EngineOptions
  readonly #observer: EngineObserver
  readonly #instances: Instance[]
  readonly #onFree: () => void
  /** What a new thread has to load before it takes a run. */
  readonly #loaded = new Set<ServedModel>()
  #closed = false

  constructor (options: EngineOptions, onFree: () => void) {
    this.#options = options
    this.#observer = options.observer
    this.#onFree = onFree
    this.#instances = Array.from({ length: options.instances }, (_, index) => this.#start(index))
  }

  get count (): number {
    return this.#instances.length
  }

  /** No instance is left that could ever run anything. */
  get lost (): boolean {
    return this.#instances.every(({ state }) => state === 'hung')
  }

  /** The first idle one: at low load that is always the one that holds the wide sessions. */
  idle (): { instance: Instance, index: number } | undefined {
    const index = this.#instances.findIndex(({ state }) => state === 'idle')
    return index < 0 ? undefined : { instance: this.#instances[index]!, index }
  }

  /** Loads and warms the models in every instance; those that run something else do so in between. */
  async load (models: readonly ServedModel[]): Promise<void> {
    for (const served of models) this.#loaded.add(served)
    try {
      await Promise.all(this.#instances.map(async (instance, index) => {
        await instance.ready()
        for (const served of models) await this.#prepare(instance, index, served)
        instance.started()
      }))
    } catch (error) {
      await Promise.all(models.map(async served => await this.unload(served)))
      throw error
    }
  }

  async unload (served: ServedModel): Promise<void> {
    this.#loaded.delete(served)
    const living = this.#instances.filter(({ state }) => state !== 'hung' && state !== 'dead')
    await Promise.allSettled(living.map(async instance => await instance.chore({ type: 'unload', model: served.key })))
  }

  /** Every instance by what it does: `busy` is with this model, an instance busy with another counts as `other`. */
  states (modelId: string): Record<InstanceState | 'other', number> {
    const counts = { starting: 0, idle: 0, busy: 0, other: 0, hung: 0, dead: 0 }
    for (const { state, running } of this.#instances) counts[state === 'busy' && running !== modelId ? 'other' : state]++
    return counts
  }

  /** A thread that ended took its sessions with it. The next one is started, again and again with growing pauses. */
  async replace (index: number, cause: Error, attempt = 1): Promise<void> {
    if (this.#closed) return
    const next = this.#start(index)
    this.#instances[index] = next
    try {
      await next.ready()
      for (const served of this.#loaded) await this.#prepare(next, index, served)
      this.#observer.trouble('instance_replaced', { instance: index, error: cause.message })
      next.started()
    } catch (error) {
      this.#observer.trouble('instance_lost', { instance: index, attempt, error: (error as Error).message })
      setTimeout(() => { void this.replace(index, cause, attempt + 1) }, Math.min(LONGEST_BACKOFF_MS, 100 * 2 ** attempt)).unref()
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all(this.#instances.map(async instance => await instance.close()))
  }

  #start (index: number): Instance {
    return new Instance(this.#options.worker ?? WORKER, index, this.#options.settings, this.#onFree)
  }

  /** One run of each shape the plan will use: the first run of a shape allocates, and on a GPU chooses its kernels. */
  async #prepare (instance: Instance, index: number, { key, model, plan }: ServedModel): Promise<void> {
    await instance.chore({ type: 'load', model: key, network: model.network, weights: model.weights })
    const { width, height } = model.preprocess.geometry
    const image = { data: new Uint8Array(width * height * 3), outputs: ['stage5.avg' as const] }
    for (const threads of new Set([plan.threadsPerInstance, ...index === 0 ? [plan.wideThreads] : []])) {
      for (let batch = 1; batch <= (this.#options.padsBatches ? plan.maxBatchSize : 1); batch *= 2) {
        const task: RunTask = { type: 'run', model: key, depth: 'stage5', threads, width, height, paddedTo: batch, images: [image] }
        await instance.chore(task)
      }
    }
  }
}
