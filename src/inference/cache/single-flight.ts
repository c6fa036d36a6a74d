interface Flight<Value> {
  readonly outcome: Promise<Value>
  readonly controller: AbortController
  waiters: number
}

/** Equal work asked for at once is done once, for as long as somebody waits for it. */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Flight<Value>>()

  /** Whether `run` would join work that is under way. */
  has (key: string): boolean {
    return this.#flights.has(key)
  }

  /**
   * Starts the work, or waits for the equal work under way. Rejects with the signal's reason as soon as it aborts; the work goes on
   * for the others and is aborted when none is left. Everybody who waits gets the same value, or the same error.
   * @param work is given a signal of its own: none of the waiters'
   */
  async run (key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    signal.throwIfAborted()
    const flight = this.#flights.get(key) ?? this.#start(key, work)
    flight.waiters++
    return await new Promise<Value>((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason)
        if (--flight.waiters > 0) return
        this.#forget(key, flight) // who comes now must not join work that is being given up
        flight.controller.abort(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      flight.outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
    })
  }

  #start (key: string, work: (signal: AbortSignal) => Promise<Value>): Flight<Value> {
    const controller = new AbortController()
    const outcome = work(controller.signal).finally(() => this.#forget(key, flight))
    const flight: Flight<Value> = { outcome, controller, waiters: 0 }
    this.#flights.set(key, flight)
    return flight
  }

  #forget (key: string, flight: Flight<Value>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
