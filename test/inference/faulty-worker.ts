import { parentPort } from 'node:worker_threads'
import type { InferenceTask } from '../../src/inference/task.js'

/** Pixels that make the thread fail when they come first in an image; whatever else comes goes to the real worker. */
export const EXIT = [1, 2, 3, 250]
export const HANG = [1, 2, 3, 251]

const starts = (data: Uint8Array, mark: number[]): boolean => mark.every((value, index) => data[index] === value)

// Registered before the real worker's own listener, hence called before it.
parentPort?.on('message', ({ task }: { task?: InferenceTask }) => {
  if (task?.type !== 'run') return
  if (task.images.some(({ data }) => starts(data, EXIT))) process.exit(9)
  if (task.images.some(({ data }) => starts(data, HANG))) {
    // Long past the run's limit; then the thread ends, or the test process never would.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
    process.exit(0)
  }
})

if (parentPort !== null) await import('../../src/inference/worker.js')
