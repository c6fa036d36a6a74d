import { ServiceError } from '../errors.js'
import { TaskThread } from '../threads/task-thread.js'
import type { InferenceTask, ResultOf, RunResult, RunTask } from './task.js'
import type { WorkerSettings } from './worker.js'

export type InstanceState = 'starting' | 'idle' | 'busy' | 'hung' | 'dead'

interface Chore { readonly task: InferenceTask, readonly done: (outcome: Promise<unknown>) => void }

/** One inference thread: does one task at a time, chores (loading, warming, unloading) before the next run. */
export class Instance {
  readonly #thread: TaskThread<InferenceTask, unknown>
  readonly #chores: Chore[] = []
  readonly #onFree: () => void
  #starting = true
  #hung = false
  /** The model of the run in hand. */
  running: string | undefined

  /** @param onFree called whenever the instance could take a run */
  constructor (worker: URL, index: number, settings: WorkerSettings, onFree: () => void) {
    this.#thread = new TaskThread(worker, { name: `inference-${index}`, data: settings })
    this.#onFree = onFree
  }

  get state (): InstanceState {
    if (this.#hung) return 'hung'
    if (!this.#thread.alive) return 'dead'
    if (this.#thread.busy) return 'busy'
    return this.#starting ? 'starting' : 'idle'
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

  /**
   * Runs a batch now; the instance must be idle.
   * @throws ServiceError run_timeout when it takes longer than `limitMs`: a native run cannot be stopped, so the instance is lost
   */
  async run (task: RunTask, transfer: ArrayBuffer[], limitMs: number): Promise<RunResult> {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.#hung = true
        reject(new ServiceError('run_timeout', `a run took longer than ${limitMs} ms`))
      }, limitMs)
    })
    const outcome = this.#thread.run(task, transfer)
    outcome.catch(() => {}) // after a time-out nobody listens any more
    try {
      return await Promise.race([outcome, limit]) as RunResult
    } finally {
      clearTimeout(timer)
      // The caller looks for the next run once it has counted this one out; chores go first.
      if (this.#chores.length > 0) this.#next()
    }
  }

  /** Ends the thread once it is free; one that hangs is left behind. */
  async close (): Promise<void> {
    if (!this.#hung) await this.#thread.close()
  }

  #next (): void {
    if (this.#thread.busy || this.#hung) return
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
