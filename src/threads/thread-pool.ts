import { ServiceError } from '../errors.js'
import { TaskThread } from './task-thread.js'

interface Waiting<Task, Result> {
  task: Task
  transfer: ArrayBuffer[]
  signal: AbortSignal | undefined
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** A few TaskThreads of one worker file behind a FIFO queue. A thread that dies fails its task alone and is replaced. */
export class ThreadPool<Task, Result> {
  readonly #threads: Array<TaskThread<Task, Result>>
  readonly #start: (index: number) => TaskThread<Task, Result>
  readonly #waiting: Array<Waiting<Task, Result>> = []
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
    return this.#waiting.length
  }

  /** A task whose signal aborts before a thread took it is dropped; its promise rejects with the signal's reason. */
  async run (task: Task, options: { transfer?: ArrayBuffer[], signal?: AbortSignal | undefined } = {}): Promise<Result> {
    if (this.#closed) throw new ServiceError('not_ready', 'the service is shutting down')
    return await new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ task, transfer: options.transfer ?? [], signal: options.signal, resolve, reject })
      this.#dispatch()
    })
  }

  /** Fails what waits, lets the tasks in hand finish, ends the threads. */
  async close (): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#waiting.splice(0)) reject(new ServiceError('not_ready', 'the service is shutting down'))
    await Promise.all(this.#threads.map(async thread => await thread.close()))
  }

  #dispatch (): void {
    for (let index = 0; index < this.#threads.length && this.#waiting.length > 0; index++) {
      let thread = this.#threads[index]!
      if (thread.busy) continue
      if (!thread.alive) thread = this.#threads[index] = this.#start(index)
      const next = this.#next()
      if (next === undefined) return
      thread.run(next.task, next.transfer).then(next.resolve, next.reject).finally(() => this.#dispatch())
    }
  }

  #next (): Waiting<Task, Result> | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.signal?.aborted !== true) return next
      next.reject(next.signal.reason)
    }
    return undefined
  }
}
