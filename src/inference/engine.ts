import type { Context } from '@opentelemetry/api'
import { ServiceError } from '../errors.js'
import type { Depth, OutputName } from '../model/network.js'
import { depthFor } from '../model/shapes.js'
import type { LoadedModel } from '../weights/load.js'
import { Costs } from './costs.js'
import type { DeviceCheck } from './device.js'
import type { EngineOptions } from './engine-options.js'
import { NotBegun, type Instance, type InstanceState, type Run } from './instance.js'
import { Instances } from './instances.js'
import { judge } from './isolation.js'
import { DEPTH_ORDER, paddedBatch, type RunPlan } from './plan.js'
import { QuietThreads } from './quiet-threads.js'
import { Scheduler, type Job, type Next } from './scheduler.js'
import { ServedModels, type ServedModel } from './served-model.js'
import type { RunTask, Tensors } from './task.js'

/** Runs longer than this are not handed over ahead: the pause between two is nothing to them, and what comes later may be more urgent. */
const LONGEST_AHEAD_MS = 100

export interface InferenceRequest {
  readonly model: LoadedModel
  /** uint8 RGB [height, width, 3]; in a SharedArrayBuffer it reaches the thread without being copied */
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly outputs: readonly OutputName[]
  /** 1 to 3, 2 is usual. */
  readonly priority?: number
  /** Milliseconds of performance.now(). */
  readonly deadline?: number
  /** False while others are in the service, being decoded: their threads need the cores. */
  readonly alone?: boolean
  /** Where a run says whose images it held. */
  readonly trace?: Context
  /** Aborting frees the place in the queue; a run that has begun goes on and its answer is dropped. */
  readonly signal?: AbortSignal | undefined
}

export interface InferenceResult {
  readonly tensors: Tensors
  readonly queueMs: number
  readonly inferMs: number
}

interface Entry extends Job {
  readonly served: ServedModel
  readonly depthName: Depth
  readonly request: InferenceRequest
  attempts: number
  run: Run | undefined
  readonly settle: (outcome: InferenceResult | Error) => void
}

/** The queue, the instances and what happens when one of them fails. */
export class Engine {
  readonly #options: EngineOptions
  readonly #costs = new Costs()
  readonly #quiet = new QuietThreads()
  readonly #scheduler: Scheduler<Entry>
  readonly #retries: Entry[][] = []
  readonly #models = new ServedModels()
  readonly #instances: Instances
  /** Batches handed to instances. */
  readonly #runs = new Set<Entry[]>()
  #closed = false
  #wake: NodeJS.Timeout | undefined
  #onIdle: (() => void) | undefined

  constructor (options: EngineOptions) {
    this.#options = options
    this.#scheduler = new Scheduler<Entry>({
      maxDelayMs: options.maxQueueDelayMs,
      batchLimit: ({ served }) => served.batchLimit,
      paddedTo: (_entry, images) => paddedBatch(images, options.padsBatches),
      runMs: (entry, images) => this.#costs.runMs(groupOf(entry), paddedBatch(images, options.padsBatches))
    })
    this.#instances = new Instances(options, () => this.#dispatch())
  }

  /** Hands models to every instance and warms them there: from then on `infer` takes them. Others are served meanwhile. */
  async load (models: ReadonlyArray<{ model: LoadedModel, plan: RunPlan }>): Promise<void> {
    const added = models.map(({ model, plan }) => this.#models.create(model, plan))
    await this.#instances.load(added)
    for (const served of added) this.#models.add(served)
  }

  /** Marks the model as in use until the returned function is called: `unload` waits for it. */
  hold (model: LoadedModel): () => void {
    return this.#models.find(model).hold()
  }

  /** Frees the model's sessions once nothing uses it any more. */
  async unload (model: LoadedModel): Promise<void> {
    const served = this.#models.find(model)
    await served.unused()
    this.#models.remove(served)
    await this.#instances.unload(served)
  }

  /** Whether the model has been loaded and `infer` takes it. */
  serves (model: LoadedModel): boolean {
    return this.#models.has(model)
  }

  queueDepth (modelId: string): number {
    return this.#waiting().filter(entry => entry.served.model.id === modelId).length
  }

  instanceStates (model: LoadedModel): Record<InstanceState | 'other', number> {
    return this.#instances.states(this.#models.find(model))
  }

  /** How the model runs, the most images a run of it may hold now, and what its check found on each device. */
  planOf (model: LoadedModel): { plan: RunPlan, batchLimit: number, checks: DeviceCheck[] } {
    const { plan, batchLimit, checks } = this.#models.find(model)
    return { plan, batchLimit, checks: [...checks.values()] }
  }

  /** Milliseconds until a job that came now would begin, by what runs were measured to take; 0 while nothing is known. */
  backlogMs (): number {
    let total = 0
    for (const entry of this.#waiting()) total += (this.#costs.runMs(groupOf(entry), 1) ?? 0)
    return total / this.#instances.count
  }

  /**
   * Runs one image. Resolves with the asked outputs; rejects with the signal's reason as soon as it aborts.
   * @throws ServiceError not_ready while closing, run_timeout, device_out_of_memory, internal when the run failed
   */
  async infer (request: InferenceRequest): Promise<InferenceResult> {
    if (this.#closed || this.#instances.lost) throw new ServiceError('not_ready', 'the service is shutting down', { retryAfter: 1 })
    request.signal?.throwIfAborted()
    const served = this.#models.find(request.model)
    const release = served.hold()
    const { signal, width, height, outputs, priority = 2, deadline = Infinity } = request
    const depthName = depthFor(outputs)
    return await new Promise<InferenceResult>((resolve, reject) => {
      const onAbort = (): void => {
        if (this.#scheduler.remove(entry)) release()
        else entry.run?.withdraw()
        reject(signal?.reason)
      }
      const entry: Entry = {
        base: `${served.key} ${height}x${width}`,
        depth: DEPTH_ORDER.indexOf(depthName),
        joinsDeeper: !outputs.some(output => output.includes('.')),
        priority,
        queuedAt: performance.now(),
        deadline,
        served,
        depthName,
        request,
        attempts: 0,
        run: undefined,
        settle: outcome => {
          signal?.removeEventListener('abort', onAbort)
          release()
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        }
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#scheduler.add(entry)
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
    await this.#instances.close()
  }

  #dispatch (): void {
    clearTimeout(this.#wake)
    let waitUntil = Infinity
    for (const { instance, index } of this.#instances.idle()) {
      const next = this.#next(index)
      if (next !== undefined && 'batch' in next) void this.#run(instance, index, next.batch)
      else if (next !== undefined) waitUntil = Math.min(waitUntil, next.waitUntil)
    }
    if (waitUntil < Infinity) this.#wake = setTimeout(() => this.#dispatch(), Math.max(1, waitUntil - performance.now()))
    if (this.#retries.length === 0) this.#runAhead()
    if (this.#instances.lost) this.#rejectAll()
    if (this.#runs.size === 0 && this.#scheduler.size === 0 && this.#retries.length === 0) this.#onIdle?.()
  }

  /** An instance that has its next batch at hand does not stand still between two runs. With less than that waiting, the first to be free is the better place. */
  #runAhead (): void {
    for (const { instance, index } of this.#instances.takingAhead()) {
      const batch = this.#scheduler.surplus(performance.now(), ({ served }) => served.livesIn(index), { instances: this.#instances.count, longestMs: LONGEST_AHEAD_MS })
      if (batch !== undefined) void this.#run(instance, index, batch)
    }
  }

  /** What no instance computes yet. */
  #waiting (): Entry[] {
    return [...this.#scheduler.jobs(), ...this.#retries.flat(), ...[...this.#runs].flat().filter(({ run }) => run?.waits())]
  }

  /** What an idle instance should do: run a batch again, or the scheduler's next. */
  #next (index: number): Next<Entry> {
    const livesHere = ({ served }: Entry): boolean => served.livesIn(index)
    const place = this.#retries.findIndex(([first]) => livesHere(first!))
    if (place < 0) return this.#scheduler.next(performance.now(), livesHere)
    const [batch] = this.#retries.splice(place, 1)
    // Those whose client is gone have been told; they only leave their place.
    const isGone = ({ request: { signal } }: Entry): boolean => signal?.aborted === true
    for (const entry of batch!.filter(isGone)) entry.settle(entry.request.signal!.reason)
    const wanted = batch!.filter(entry => !isGone(entry))
    return wanted.length > 0 ? { batch: wanted } : this.#next(index)
  }

  async #run (instance: Instance, index: number, batch: Entry[]): Promise<void> {
    const { served, depthName, request: { width, height } } = batch[0]!
    const { model, plan } = served
    const { observer, runLimitMs } = this.#options
    const tell = { model: model.id, depth: depthName, batchSize: batch.length, traces: batch.flatMap(({ request }) => request.trace ?? []) }
    // Alone in the house: more cores for the one image, where that is faster. With others waiting one core each is faster for all.
    const alone = index === 0 && batch.length === 1 && batch[0]!.request.alone !== false && this.#runs.size === 0 && this.#scheduler.size === 0 && this.#retries.length === 0
    const threads = alone ? this.#quiet.choose(groupOf(batch[0]!), [...new Set([plan.wideThreads, plan.threadsPerInstance])]) : plan.threadsPerInstance
    const paddedTo = paddedBatch(batch.length, this.#options.padsBatches)
    const task: RunTask = { type: 'run', model: served.key, depth: depthName, threads, spins: threads > plan.threadsPerInstance, width, height, paddedTo, images: batch.map(({ request: { data, outputs } }) => ({ data, outputs })) }
    this.#runs.add(batch)
    const run = instance.run(task, { model: model.id, limitMs: runLimitMs })
    for (const entry of batch) entry.run = run
    try {
      const { images, inferMs } = await run.result
      if (alone) this.#quiet.observe(groupOf(batch[0]!), threads, inferMs)
      else this.#costs.observe(groupOf(batch[0]!), paddedTo, inferMs)
      observer.runEnded({ ...tell, inferMs })
      const begunAt = performance.now() - inferMs
      batch.forEach((entry, place) => entry.settle({ tensors: images[place]!, queueMs: begunAt - entry.queuedAt, inferMs }))
    } catch (error) {
      if (error instanceof NotBegun) this.#retries.push(batch)
      else {
        observer.runEnded({ ...tell, inferMs: 0 })
        this.#failed(instance, index, batch, error as Error)
      }
    } finally {
      this.#runs.delete(batch)
      this.#dispatch()
    }
  }

  #failed (instance: Instance, index: number, batch: Entry[], error: Error): void {
    const { served } = batch[0]!
    const { observer } = this.#options
    if (instance.state === 'hung') {
      for (const entry of batch) entry.settle(error)
      observer.trouble('run_hung', { instance: index, model: served.model.id, images: batch.length, error: error.message })
      return
    }
    const dead = instance.state === 'dead'
    const verdict = judge(batch, error, !dead)
    if (verdict.outOfMemory && served.batchLimit > 1) {
      served.batchLimit = Math.max(1, Math.min(served.batchLimit, batch.length) >> 1)
      observer.trouble('batch_halved', { model: served.model.id, batchLimit: served.batchLimit })
    }
    for (const { job, error } of verdict.reject) job.settle(error)
    for (const entry of verdict.retry.flat()) if (dead) entry.attempts++
    this.#retries.push(...verdict.retry)
    if (dead) void this.#instances.replace(instance, index, error)
  }

  #rejectAll (): void {
    const error = new ServiceError('not_ready', 'no inference instance is left', { retryAfter: 1 })
    const waiting = [...this.#scheduler.jobs(), ...this.#retries.splice(0).flat()]
    for (const entry of waiting) {
      this.#scheduler.remove(entry)
      entry.settle(error)
    }
  }
}

function groupOf (entry: Entry): string {
  return `${entry.base} ${entry.depth}`
}
