import { ServiceError } from '../errors.js'

/** What is to become of a batch whose run failed. */
export interface Verdict<J> {
  /** Batches to run again, each by itself. */
  readonly retry: J[][]
  /** Images that are answered with an error. */
  readonly reject: Array<{ job: J, error: Error }>
  /** The device had no memory for so many images at once. */
  readonly outOfMemory: boolean
}

/** Words of ONNX Runtime, CUDA and WebGPU for the same thing. */
const OUT_OF_MEMORY = /out of memory|failed to allocate|bad_alloc|bad allocation|ALLOCATION_FAILED|OutOfMemory/i

export function isOutOfMemory (error: Error): boolean {
  return OUT_OF_MEMORY.test(error.message)
}

/**
 * One bad image fails alone: a batch that fails is halved until the culprit is by itself. A run lost with its thread is
 * repeated once, image by image, so that whatever ended the thread takes nobody along the second time.
 */
export function judge<J extends { attempts: number }> (batch: readonly J[], error: Error, threadAlive: boolean): Verdict<J> {
  const outOfMemory = isOutOfMemory(error)
  if (!threadAlive) {
    const again = batch.filter(job => job.attempts === 0)
    return {
      retry: again.map(job => [job]),
      reject: batch.filter(job => job.attempts > 0).map(job => ({ job, error })),
      outOfMemory: false
    }
  }
  if (batch.length > 1) {
    const middle = Math.ceil(batch.length / 2)
    return { retry: [batch.slice(0, middle), batch.slice(middle)], reject: [], outOfMemory }
  }
  const coded = outOfMemory ? new ServiceError('device_out_of_memory', 'the device has no memory for this image', { retryAfter: 1, cause: error }) : error
  return { retry: [], reject: batch.map(job => ({ job, error: coded })), outOfMemory }
}
