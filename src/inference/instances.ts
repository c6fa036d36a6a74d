import { deepestDepth } from '../model/shapes.js'
import { settingsOf } from './device.js'
import type { EngineObserver, EngineOptions } from './engine-options.js'
import { Instance, type InstanceState } from './instance.js'
import { isOutOfMemory } from './isolation.js'
import { paddedBatch } from './plan.js'
import type { ServedModel } from './served-model.js'
import { warmUps } from './warm-up.js'

const WORKER = new URL('./worker.js', import.meta.url)
const LONGEST_BACKOFF_MS = 30_000

interface Place { readonly instance: Instance, readonly index: number }

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

  /** The idle ones in order: at low load the first is always the one that holds the wide sessions. */
  idle (): Place[] {
    return this.#places().filter(({ instance }) => instance.state === 'idle')
  }

  /** Those that would begin another run the moment they end the one in hand. */
  takingAhead (): Place[] {
    return this.#places().filter(({ instance }) => instance.takesAhead)
  }

  /** Loads and warms the models in every instance; those that run something else do so in between. */
  async load (models: readonly ServedModel[]): Promise<void> {
    for (const served of models) this.#loaded.add(served)
    try {
      await Promise.all(this.#instances.map(async (instance, index) => {
        await instance.ready()
        for (const served of models.filter(served => served.livesIn(index))) await this.#prepare(instance, index, served)
        instance.started()
      }))
    } catch (error) {
      await Promise.all(models.map(async served => await this.unload(served)))
      throw error
    }
  }

  async unload (served: ServedModel): Promise<void> {
    this.#loaded.delete(served)
    const holding = this.#places().filter(({ instance: { state }, index }) => served.livesIn(index) && state !== 'hung' && state !== 'dead')
    await Promise.allSettled(holding.map(async ({ instance }) => await instance.chore({ type: 'unload', model: served.key })))
  }

  /** The model's instances by what they do: `busy` is with this model, an instance busy with another counts as `other`. */
  states (served: ServedModel): Record<InstanceState | 'other', number> {
    const counts = { starting: 0, idle: 0, busy: 0, other: 0, hung: 0, dead: 0 }
    for (const { instance: { state, running }, index } of this.#places()) {
      if (served.livesIn(index)) counts[state === 'busy' && running !== served.model.id ? 'other' : state]++
    }
    return counts
  }

  /** A thread that ended took its sessions with it. The next one is started, again and again with growing pauses. */
  async replace (dead: Instance, index: number, cause: Error, attempt = 1): Promise<void> {
    if (this.#closed || this.#instances[index] !== dead) return
    const next = this.#start(index)
    this.#instances[index] = next
    try {
      await next.ready()
      for (const served of [...this.#loaded].filter(served => served.livesIn(index))) await this.#prepare(next, index, served)
      this.#observer.trouble('instance_replaced', { instance: index, error: cause.message })
      next.started()
    } catch (error) {
      this.#observer.trouble('instance_lost', { instance: index, attempt, error: (error as Error).message })
      setTimeout(() => { void this.replace(next, index, cause, attempt + 1) }, Math.min(LONGEST_BACKOFF_MS, 100 * 2 ** attempt)).unref()
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all(this.#instances.map(async instance => await instance.close()))
  }

  #places (): Place[] {
    return this.#instances.map((instance, index) => ({ instance, index }))
  }

  #start (index: number): Instance {
    return new Instance(this.#options.worker ?? WORKER, index, settingsOf(this.#options.settings, index), this.#onFree)
  }

  /** Loads a model, checks it once on each device, and runs what will be asked for. */
  async #prepare (instance: Instance, index: number, served: ServedModel): Promise<void> {
    const { settings: { provider, ids = [] }, padsBatches, warmSizes } = this.#options
    const { key, model: { network, weights }, plan, checks } = served
    await instance.chore({ type: 'load', model: key, network, weights })
    if (index < Math.max(1, ids.length) && !checks.has(index)) {
      // Nothing can go astray on the CPU; its check takes the graph that is warmed anyway.
      const depth = provider === 'cpu' ? 'stage5' : deepestDepth(network)
      checks.set(index, await instance.chore({ type: 'check', model: key, depth, threads: plan.threadsPerInstance }))
    }
    const threads = [plan.threadsPerInstance, ...index === 0 ? [plan.wideThreads] : []]
    for (const task of warmUps(served, threads, provider !== 'cpu', warmSizes)) {
      if (task.paddedTo > paddedBatch(served.batchLimit, padsBatches)) continue
      try {
        await instance.chore(task)
      } catch (error) {
        if (task.paddedTo === 1 || !isOutOfMemory(error as Error)) throw error
        served.batchLimit = Math.min(served.batchLimit, task.paddedTo >> 1)
        this.#observer.trouble('batch_halved', { model: served.model.id, batchLimit: served.batchLimit })
      }
    }
  }
}
