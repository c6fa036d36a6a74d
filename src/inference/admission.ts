import { ServiceError } from '../errors.js'

/** How far back the service rate is measured, seconds. */
const WINDOW = 10

export interface AdmissionLimits {
  /** Images in the service at once. */
  readonly images: number
  /** Encoded bytes in the service at once. */
  readonly bytes: number
}

export interface Arrival {
  readonly images: number
  readonly bytes: number
  /** Milliseconds until an answer is expected, by what was measured; 0 while nothing is known. */
  readonly expectedMs: number
  /** Milliseconds until the client stops waiting. */
  readonly remainingMs: number
}

/**
 * Counts what is in the service, from before it is decoded until it is answered or given up. The bounds are on all of
 * it, so that a flood is refused before it costs a decode.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #now: () => number
  #images = 0
  #bytes = 0
  /** Completion times of the last WINDOW seconds, seconds. */
  readonly #completions: number[] = []

  /** @param now seconds, monotonic */
  constructor (limits: AdmissionLimits, now: () => number = () => performance.now() / 1000) {
    this.#limits = limits
    this.#now = now
  }

  get inside (): { images: number, bytes: number } {
    return { images: this.#images, bytes: this.#bytes }
  }

  /**
   * For a request whose images are still to come: where not even one would fit, nobody need read them.
   * @throws ServiceError queue_full
   */
  requireRoom (): void {
    this.#requirePlaces(1)
  }

  /**
   * Takes places for a request's images; the returned function gives one back each time it is called, the bytes with the last.
   * @throws ServiceError queue_full with the seconds after which as many places should be free; deadline_exceeded where none is
   * left to answer in, deadline_unreachable where the answer would come too late
   */
  enter ({ images, bytes, expectedMs, remainingMs }: Arrival): (outcome: 'done' | 'dropped') => void {
    this.#requirePlaces(images)
    if (this.#bytes + bytes > this.#limits.bytes && this.#images > 0) {
      throw new ServiceError('queue_full', `the service holds ${this.#bytes} of ${this.#limits.bytes} bytes; ${bytes} more do not fit`, { retryAfter: this.#retryAfter(images) })
    }
    if (remainingMs <= 0) throw new ServiceError('deadline_exceeded', `the deadline passed ${Math.ceil(-remainingMs)} ms ago, while the body was read`)
    if (expectedMs > remainingMs) {
      throw new ServiceError('deadline_unreachable', `an answer is expected after ${Math.ceil(expectedMs)} ms, the deadline is in ${Math.floor(remainingMs)} ms`,
        { retryAfter: Math.max(1, Math.ceil((expectedMs - remainingMs) / 1000)) })
    }
    this.#images += images
    this.#bytes += bytes
    let held = images
    return outcome => {
      if (held === 0) return
      held--
      this.#images--
      if (held === 0) this.#bytes -= bytes
      if (outcome !== 'done') return
      this.#completions.push(this.#now())
      this.#forget()
    }
  }

  #requirePlaces (images: number): void {
    const missing = this.#images + images - this.#limits.images
    if (missing <= 0) return
    throw new ServiceError('queue_full', `the service holds ${this.#images} of ${this.#limits.images} images; ${images} more do not fit`, { retryAfter: this.#retryAfter(missing) })
  }

  /** Whole seconds until so many places are free at the rate of the last seconds; between 1 and 60. */
  #retryAfter (missing: number): number {
    this.#forget()
    const perSecond = this.#completions.length / WINDOW
    return Math.min(60, Math.max(1, Math.ceil(missing / Math.max(perSecond, 0.1))))
  }

  #forget (): void {
    const horizon = this.#now() - WINDOW
    while (this.#completions.length > 0 && this.#completions[0]! < horizon) this.#completions.shift()
  }
}
