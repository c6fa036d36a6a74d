import { ServiceError } from '../errors.js'
import { TaskThread } from './task-thread.js'

interface Waiting<Task, Result> {
  readonly task: Task
  readonly transfer: ArrayBuffer[]
  /** Milliseconds; the lowest goes first. */
  readonly turn: number
  readonly settle: (outcome: Promise<Result>) => void
}

/** How much later a task's turn comes for each step of its priority: nothing waits for ever. */
const PRIORITY_STEP_MS = 2000

/** A few TaskThreads of one worker file behind a queue, first come first served within a priority. A thread that dies fails its task alone and is replaced. */
export class ThreadPool<Task, Result> {
  readonly #threads: Array<TaskThread<Task, Result>>
  readonly #start: (index: number) => TaskThread<Task, Result>
  readonly #waiting = new Set<Waiting<Task, Result>>()
  #closed = false

  constructor (file: URL, options: { name: string, threads: number, data: unknown }) {
    this.#start = index => new TaskThread(file, { name: `${options.name}-${index}`, data: options.data })
    this.#threads = Array.from({ length: options.threads }, (_, index) => this.#start(index))
  }

  /** Resolves when every thread is ready; rejects with the first start error. */
  async ready (): Promise<void> {
    await Promise.all(this.#threads.map(async thread => await thread.ready))
  }

  /** Tasks not yet handed to a thread. */
  get waiting (): number {
    return this.#waiting.size
  }

  /**
   * Rejects with the signal's reason as soon as it aborts: a task that waits is dropped, the answer of one that runs is.
   * @throws ServiceError the task's own, `internal` when its thread died, `not_ready` when the pool closes first
   */
  async run (task: Task, { transfer = [], signal, priority = 2 }: { transfer?: ArrayBuffer[], signal?: AbortSignal | undefined, priority?: number } = {}): Promise<Result> {
    if (this.#closed) throw closing()
    signal?.throwIfAborted()
    return await new Promise<Result>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(entry)
        reject(signal?.reason)
      }
      const entry: Waiting<Task, Result> = {
        task,
        transfer,
        turn: performance.now() + priority * PRIORITY_STEP_MS,
        settle: outcome => {
          outcome.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort))
        }
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(entry)
      this.#dispatch()
    })
  }

  /** Fails what waits, lets the tasks in hand finish, ends the threads. */
  async close (): Promise<void> {
    this.#closed = true
    for (const { settle } of this.#waiting) settle(Promise.reject(closing()))
    this.#waiting.clear()
    await Promise.all(this.#threads.map(async thread => await thread.close()))
  }

  #dispatch (): void {
    for (let index = 0; index < this.#threads.length; index++) {
      if (this.#threads[index]!.tasks > 0) continue
      const next = this.#first()
      if (next === undefined) return
      if (!this.#threads[index]!.alive) this.#threads[index] = this.#start(index)
      this.#waiting.delete(next)
      const outcome = this.#threads[index]!.run(next.task, next.transfer)
      outcome.catch(() => {}).finally(() => this.#dispatch())
      next.settle(outcome)
    }
  }

  #first (): Waiting<Task, Result> | undefined {
    let first: Waiting<Task, Result> | undefined
    for (const waiting of this.#waiting) if (first === undefined || waiting.turn < first.turn) first = waiting
    return first
  }
}

function closing (): ServiceError {
  return new ServiceError('not_ready', 'the service is shutting down', { retryAfter: 1 })
}
