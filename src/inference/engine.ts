import { ServiceError } from '../errors.js'
import type { Depth, OutputName } from '../model/network.js'
import { depthFor } from '../model/shapes.js'
import { TaskThread } from '../threads/task-thread.js'
import type { LoadedModel } from '../weights/load.js'
import { Queue } from './queue.js'
import type { InferenceTask, RunResult, Tensors } from './task.js'
import type { WorkerSettings } from './worker.js'

export interface EngineOptions {
  /** Threads that hold sessions; each runs one batch at a time. */
  readonly instances: number
  readonly threadsPerInstance: number
  readonly maxBatchSize: number
  readonly observer?: EngineObserver
}

/** Told of every run when it starts; metrics listen here. */
export interface EngineObserver {
  runStarted (run: { model: string, depth: Depth, batchSize: number }): void
}

export interface InferenceRequest {
  readonly model: string
  /** uint8 RGB [height, width, 3]; owned by the engine from here on. */
  readonly data: Uint8Array<ArrayBuffer>
  readonly width: number
  readonly height: number
  readonly outputs: readonly OutputName[]
  /** Aborting frees the place in the queue; a run that has begun goes on and its answer is dropped. */
  readonly signal?: AbortSignal | undefined
}

export interface InferenceResult {
  readonly tensors: Tensors
  readonly queueMs: number
  readonly inferMs: number
}

interface Entry {
  readonly key: string
  readonly depth: Depth
  readonly request: InferenceRequest
  readonly queuedAt: number
  readonly settle: (outcome: InferenceResult | Error) => void
}

type Instance = TaskThread<InferenceTask, RunResult>

const WORKER = new URL('./worker.js', import.meta.url)

/** A queue in front of inference threads: an idle thread takes the oldest image and those that can share its run. */
export class Engine {
  readonly #options: EngineOptions
  readonly #queue = new Queue<Entry>()
  readonly #instances: Instance[]
  /** What each busy instance runs now. */
  readonly #running = new Map<Instance, string>()
  readonly #loaded = new Map<string, LoadedModel>()
  #closed = false
  #onIdle: (() => void) | undefined

  constructor (options: EngineOptions) {
    this.#options = options
    this.#instances = Array.from({ length: options.instances }, (_, index) => this.#start(index))
  }

  /** Hands the models to every instance and runs each once at full depth there. Before the first request. */
  async load (models: readonly LoadedModel[]): Promise<void> {
    for (const model of models) this.#loaded.set(model.id, model)
    await Promise.all(this.#instances.map(async instance => {
      for (const model of models) await this.#prepare(instance, model)
    }))
  }

  queueDepth (model: string): number {
    return this.#queue.count(entry => entry.request.model === model)
  }

  /** Instances running the model now, and all the others. */
  instanceStates (model: string): { busy: number, idle: number } {
    const busy = [...this.#running.values()].filter(name => name === model).length
    return { busy, idle: this.#instances.length - busy }
  }

  /**
   * Runs one image. Resolves with the asked outputs; rejects with the signal's reason as soon as it aborts.
   * @throws ServiceError not_ready while closing, internal when the run failed
   */
  async infer (request: InferenceRequest): Promise<InferenceResult> {
    if (this.#closed) throw new ServiceError('not_ready', 'the service is shutting down', { retryAfter: 1 })
    request.signal?.throwIfAborted()
    const depth = depthFor(request.outputs)
    return await new Promise<InferenceResult>((resolve, reject) => {
      const entry: Entry = {
        key: `${request.model} ${request.height}x${request.width} ${depth}`,
        depth,
        request,
        queuedAt: performance.now(),
        settle: outcome => {
          request.signal?.removeEventListener('abort', onAbort)
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        }
      }
      const onAbort = (): void => {
        this.#queue.remove(entry)
        entry.settle(request.signal?.reason as Error)
      }
      request.signal?.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(entry)
      this.#dispatch()
    })
  }

  /** Answers what is queued, then ends the threads. */
  async close (): Promise<void> {
    this.#closed = true
    await new Promise<void>(resolve => {
      this.#onIdle = resolve
      this.#dispatch()
    })
    await Promise.all(this.#instances.map(async instance => await instance.close()))
  }

  #start (index: number): Instance {
    const data: WorkerSettings = { threadsPerInstance: this.#options.threadsPerInstance }
    return new TaskThread(WORKER, { name: `inference-${index}`, data })
  }

  async #prepare (instance: Instance, model: LoadedModel): Promise<void> {
    await instance.ready
    await instance.run({ type: 'load', model: model.id, network: model.network, weights: model.weights })
    const { width, height } = model.preprocess.geometry
    const data = new Uint8Array(width * height * 3)
    await instance.run({ type: 'run', model: model.id, depth: 'stage5', width, height, images: [{ data, outputs: ['stage5.avg'] }] })
  }

  #dispatch (): void {
    for (const instance of this.#instances) {
      if (this.#running.has(instance)) continue
      const batch = this.#queue.take(this.#options.maxBatchSize)
      if (batch.length === 0) break
      void this.#run(instance, batch)
    }
    if (this.#running.size === 0) this.#onIdle?.()
  }

  async #run (instance: Instance, batch: Entry[]): Promise<void> {
    const [first] = batch
    const { request: { model, width, height }, depth } = first!
    this.#running.set(instance, model)
    this.#options.observer?.runStarted({ model, depth, batchSize: batch.length })
    const startedAt = performance.now()
    try {
      const images = batch.map(({ request }) => ({ data: request.data, outputs: request.outputs }))
      const result = await instance.run({ type: 'run', model, depth, width, height, images }, images.map(image => image.data.buffer))
      batch.forEach((entry, index) => entry.settle({ tensors: result.images[index]!, queueMs: startedAt - entry.queuedAt, inferMs: result.inferMs }))
    } catch (error) {
      for (const entry of batch) entry.settle(error as Error)
      if (!instance.alive) await this.#replace(instance)
    } finally {
      this.#running.delete(instance)
      this.#dispatch()
    }
  }

  /** A thread that ended takes its run with it; the next one starts with every model loaded. */
  async #replace (dead: Instance): Promise<void> {
    const index = this.#instances.indexOf(dead)
    const next = this.#start(index)
    this.#running.set(next, '')
    try {
      for (const model of this.#loaded.values()) await this.#prepare(next, model)
    } finally {
      this.#instances[index] = next
      this.#running.delete(next)
    }
  }
}
