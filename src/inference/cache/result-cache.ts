import { LRUCache } from 'lru-cache'
import type { Extracted } from '../extracted.js'
import type { LoopSteps } from './loop-steps.js'
import { sharedCopy } from './shared-copy.js'
import { SingleFlight } from './single-flight.js'

/** What a kept result takes besides its numbers, bytes: 1,957 measured as growth of the process over 100,000 embeddings. */
const ENTRY_BYTES = 2048

/** Told of every image looked up; metrics listen here. */
export interface CacheObserver {
  /** Answered without a run of its own: from memory, or from an equal image's run. */
  cacheHit (): void
  /** Has to be run. */
  cacheMiss (): void
}

export interface ResultCacheParts {
  /** Of all results kept. One that is larger alone is answered and not kept. */
  readonly maxBytes: number
  readonly steps: LoopSteps
  readonly observer: CacheObserver
}

/** Results of images by key, the least recently used dropped first, and one run for equal images at once. */
export class ResultCache {
  readonly #entries: LRUCache<string, Extracted>
  readonly #flights = new SingleFlight<Extracted>()
  readonly #steps: LoopSteps
  readonly #observer: CacheObserver

  constructor ({ maxBytes, steps, observer }: ResultCacheParts) {
    this.#entries = new LRUCache({ maxSize: maxBytes, sizeCalculation: byteSize })
    this.#steps = steps
    this.#observer = observer
  }

  /** Bytes held, by the count that `maxBytes` bounds. */
  get bytes (): number {
    return this.#entries.calculatedSize
  }

  /**
   * The result under `key`, or what `run` makes of it; its numbers lie in shared memory for all who ask and are never written to.
   * A run that fails fails everybody who waits for it and is not kept.
   * @param signal ends the waiting; the run is ended when nobody waits any more
   * @throws the signal's reason, and whatever `run` throws
   */
  async get (key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<Extracted>): Promise<Extracted> {
    const known = this.#entries.get(key)
    if (known !== undefined) return this.#hit(known)
    const joining = this.#flights.has(key)
    const result = await this.#flights.run(key, signal, async shared => await this.#fill(key, shared, run))
    return joining ? this.#hit(result) : result
  }

  async #fill (key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<Extracted>): Promise<Extracted> {
    this.#observer.cacheMiss()
    const result = await sharedCopy(await run(signal), this.#steps, signal)
    this.#entries.set(key, result)
    return result
  }

  #hit (result: Extracted): Extracted {
    this.#observer.cacheHit()
    return result
  }
}

function byteSize ({ input, tensors }: Extracted): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, ENTRY_BYTES + (input?.byteLength ?? 0))
}
