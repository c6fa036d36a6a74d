import { parentPort } from 'node:worker_threads'
import { toWire, type FromWorker, type ToWorker } from './messages.js'

export interface TaskHandler<Task, Result> {
  run (task: Task): Promise<{ result: Result, transfer: ArrayBuffer[] }>
  /** Releases what the thread holds; the thread then ends by itself. */
  close? (): Promise<void>
}

/**
 * The worker's side of a TaskThread: says `ready` once `start` resolved, then answers one task after the other, in the order they came.
 * On `close` it releases and closes its port, so that the thread ends without ever being terminated
 * (terminating a thread inside a native call aborts the process).
 */
export async function serveTasks<Task, Result> (start: () => Promise<TaskHandler<Task, Result>>): Promise<void> {
  if (parentPort === null) throw new Error('this file runs as a worker thread')
  const port = parentPort
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)
  let before: Promise<void> = Promise.resolve()
  try {
    const handler = await start()
    port.on('message', (message: ToWorker) => {
      if (message.type === 'close') {
        void before.then(async () => await handler.close?.()).finally(() => port.close())
        return
      }
      before = before.then(async () => await handler.run(message.task as Task)).then(
        ({ result, transfer }) => post({ type: 'done', result }, transfer),
        (error: unknown) => post({ type: 'failed', error: toWire(error) })
      )
    })
    post({ type: 'ready' })
  } catch (error) {
    post({ type: 'failed', error: toWire(error) })
    port.close()
  }
}
