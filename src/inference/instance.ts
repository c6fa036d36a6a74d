import { ServiceError } from '../errors.js'
import { TaskThread } from '../threads/task-thread.js'
import { RUN_WITHDRAWN, type InferenceTask, type ResultOf, type RunResult, type RunTask } from './task.js'
import type { WorkerSettings } from './worker.js'

export type InstanceState = 'starting' | 'idle' | 'busy' | 'hung' | 'dead'

interface Chore { readonly task: InferenceTask, readonly done: (outcome: Promise<unknown>) => void }

/** A batch that was handed over and never computed: withdrawn, or its thread was lost before its turn. */
export class NotBegun extends Error {
  override readonly name = 'NotBegun'
}

export interface Run {
  /**
   * @throws ServiceError the run's own; run_timeout when it took too long: a native run cannot be stopped, so the instance is lost
   * @throws NotBegun
   */
  readonly result: Promise<RunResult>
  /** Whether it still waits behind another run. */
  waits (): boolean
  /** Takes the batch back, unless it is being computed. */
  withdraw (): void
}

/** One inference thread: does one task after the other, chores (loading, warming, unloading) before the next run. */
export class Instance {
  readonly #thread: TaskThread<InferenceTask, unknown>
  readonly #chores: Chore[] = []
  readonly #onFree: () => void
  #starting = true
  #hung = false
  /** Settles when the run handed over last has. */
  #lastRun: Promise<unknown> = Promise.resolve()
  /** The models of the runs in hand, the one that is computed first. */
  readonly #models: string[] = []

  /** @param onFree called whenever the instance could take a run */
  constructor (worker: URL, index: number, settings: WorkerSettings, onFree: () => void) {
    this.#thread = new TaskThread(worker, { name: `inference-${index}`, data: settings })
    this.#onFree = onFree
  }

  get state (): InstanceState {
    if (this.#hung) return 'hung'
    if (!this.#thread.alive) return 'dead'
    if (this.#thread.tasks > 0) return 'busy'
    return this.#starting ? 'starting' : 'idle'
  }

  /** The model of the run that is computed. */
  get running (): string | undefined {
    return this.#models[0]
  }

  /** Busy with one run and nothing behind it: the next would begin without the thread ever standing still. */
  get takesAhead (): boolean {
    return this.state === 'busy' && this.#models.length === 1 && this.#thread.tasks === 1 && this.#chores.length === 0
  }

  /** Waits for the thread; the instance takes runs once `started` was called. */
  async ready (): Promise<void> {
    await this.#thread.ready
  }

  started (): void {
    this.#starting = false
    this.#onFree()
  }

  /** Does the task as soon as the thread is free, before any further run. */
  async chore<Task extends InferenceTask>(task: Task): Promise<ResultOf<Task>> {
    return await new Promise<ResultOf<Task>>((resolve, reject) => {
      this.#chores.push({ task, done: outcome => { outcome.then(result => resolve(result as ResultOf<Task>), reject) } })
      this.#next()
    })
  }

  /** Hands a batch of a model over, to be computed now or right after the run in hand; `limitMs` counts from then. */
  run (task: RunTask, { model, limitMs }: { model: string, limitMs: number }): Run {
    const claim = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const before = this.#lastRun
    const behind = this.#models.length > 0
    this.#models.push(model)
    const answer = this.#thread.run({ ...task, claim }) as Promise<RunResult | undefined>
    answer.catch(() => {}) // after a time-out nobody listens any more
    const result = this.#answered(before, answer, limitMs)
    this.#lastRun = result.catch(() => {})
    return {
      result,
      waits: () => behind && Atomics.load(claim, 0) === 0,
      withdraw: () => { Atomics.compareExchange(claim, 0, 0, RUN_WITHDRAWN) }
    }
  }

  async #answered (before: Promise<unknown>, answer: Promise<RunResult | undefined>, limitMs: number): Promise<RunResult> {
    let timer: NodeJS.Timeout | undefined
    try {
      await before
      if (this.#hung || !this.#thread.alive) throw new NotBegun('the thread was lost before this batch had its turn')
      const limit = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          this.#hung = true
          reject(new ServiceError('run_timeout', `a run took longer than ${limitMs} ms`))
        }, limitMs)
      })
      const result = await Promise.race([answer, limit])
      if (result === undefined) throw new NotBegun('the batch was withdrawn')
      return result
    } finally {
      clearTimeout(timer)
      this.#models.shift()
      // The caller looks for the next run once it has counted this one out; chores go first.
      if (this.#chores.length > 0) this.#next()
    }
  }

  /** Ends the thread once it is free; one that hangs is left behind. */
  async close (): Promise<void> {
    if (!this.#hung) await this.#thread.close()
  }

  #next (): void {
    if (this.#thread.tasks > 0 || this.#hung) return
    const chore = this.#chores.shift()
    if (chore === undefined) {
      if (!this.#starting) this.#onFree()
      return
    }
    const outcome = this.#thread.run(chore.task)
    outcome.catch(() => {}).finally(() => this.#next())
    chore.done(outcome)
  }
}
