import { ServiceError } from '../errors.js'

/** How far back the service rate is measured, seconds. */
const WINDOW = 10

/**
 * Counts the images in the service, from before they are decoded until they are answered or given up. The bound is on
 * all of them, so that a flood is refused before it costs a decode.
 */
export class Admission {
  readonly #limit: number
  readonly #now: () => number
  #inside = 0
  /** Completion times of the last WINDOW seconds, seconds. */
  readonly #completions: number[] = []

  /** @param limit images at the most  @param now seconds, monotonic */
  constructor (limit: number, now: () => number = () => performance.now() / 1000) {
    this.#limit = limit
    this.#now = now
  }

  get inside (): number {
    return this.#inside
  }

  /**
   * Takes places for a request's images; the returned function gives one back each time it is called.
   * @throws ServiceError queue_full with the seconds after which as many places should be free
   */
  enter (images: number): (outcome: 'done' | 'dropped') => void {
    if (this.#inside + images > this.#limit) {
      throw new ServiceError('queue_full', `the service holds ${this.#inside} of ${this.#limit} images; ${images} more do not fit`, { retryAfter: this.#retryAfter(images) })
    }
    this.#inside += images
    let held = images
    return outcome => {
      if (held === 0) return
      held--
      this.#inside--
      if (outcome !== 'done') return
      this.#completions.push(this.#now())
      this.#forget()
    }
  }

  /** Whole seconds until `images` places are free at the rate of the last seconds; between 1 and 60. */
  #retryAfter (images: number): number {
    this.#forget()
    const perSecond = this.#completions.length / WINDOW
    const missing = this.#inside + images - this.#limit
    return Math.min(60, Math.max(1, Math.ceil(missing / Math.max(perSecond, 0.1))))
  }

  #forget (): void {
    const horizon = this.#now() - WINDOW
    while (this.#completions.length > 0 && this.#completions[0]! < horizon) this.#completions.shift()
  }
}
