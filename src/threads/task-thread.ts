import { Worker } from 'node:worker_threads'
import { ServiceError } from '../errors.js'
import { fromWire, type FromWorker, type ToWorker } from './messages.js'

interface Pending { resolve: (result: unknown) => void, reject: (error: Error) => void }

/**
 * One worker thread that does its tasks one after the other, in order. It is never terminated: `close` waits for the tasks in
 * hand and asks the worker to release what it holds and end.
 */
export class TaskThread<Task, Result> {
  readonly #worker: Worker
  readonly #ended: Promise<void>
  readonly #pending: Pending[] = []
  #dead: Error | undefined
  #idle: Promise<unknown> = Promise.resolve()
  /** Resolves when the worker's start function did; rejects with its error. */
  readonly ready: Promise<void>

  constructor (file: URL, options: { name: string, data: unknown }) {
    // Whatever the process was told to load first (a tracer's hooks, a test runner's) is not for these threads, and slows their start.
    this.#worker = new Worker(file, { name: options.name, workerData: options.data, execArgv: [] })
    let onReady!: () => void
    let onFailed!: (error: Error) => void
    this.ready = new Promise((resolve, reject) => { onReady = resolve; onFailed = reject })
    this.ready.catch(() => {}) // whoever waits for it sees it; nobody waiting must not end the process
    this.#worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') return onReady()
      const pending = this.#pending.shift()
      if (message.type === 'done') pending?.resolve(message.result)
      else if (pending === undefined) onFailed(fromWire(message.error))
      else pending.reject(fromWire(message.error))
    })
    this.#ended = new Promise(resolve => {
      const die = (error: Error): void => {
        this.#dead ??= error
        onFailed(error)
        for (const pending of this.#pending.splice(0)) pending.reject(error)
      }
      this.#worker.once('error', error => die(new ServiceError('internal', `worker thread ${options.name} failed: ${error.message}`, { cause: error })))
      this.#worker.once('exit', code => {
        die(new ServiceError('internal', `worker thread ${options.name} ended with code ${code}`))
        resolve()
      })
    })
  }

  get alive (): boolean {
    return this.#dead === undefined
  }

  /** Tasks in hand: the first is being done, the others wait in the thread. */
  get tasks (): number {
    return this.#pending.length
  }

  /** Resolves when the thread has ended, for whatever reason. */
  get ended (): Promise<void> {
    return this.#ended
  }

  /** @throws ServiceError the worker's own coded error, or `internal` when the thread died */
  async run (task: Task, transfer: ArrayBuffer[] = []): Promise<Result> {
    if (this.#dead !== undefined) throw this.#dead
    const result = new Promise<unknown>((resolve, reject) => { this.#pending.push({ resolve, reject }) })
    this.#idle = result.catch(() => {})
    this.#post({ type: 'task', task }, transfer)
    return await result as Result
  }

  async close (): Promise<void> {
    await this.#idle
    if (this.alive) this.#post({ type: 'close' })
    await this.#ended
  }

  #post (message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }
}
