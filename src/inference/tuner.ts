import { nameOf, type Layout, type SearchSpace } from './search-space.js'

/** Runs the network, so that layouts can be compared. */
export interface Meter {
  /** Milliseconds on the clock that budgets are counted on. */
  now (): number
  /** Builds one session on one thread. Tells how long that took and, without a run of full size, how long one image should take; milliseconds. */
  probe (): Promise<{ buildMs: number, imageMs: number }>
  /** Builds what the layout needs and runs it once. Rejects when it cannot run, e.g. for want of memory. */
  prepare (layout: Layout): Promise<void>
  /** Images a second over a window of at least so many milliseconds, and of at least one run an instance. */
  rate (layout: Layout, windowMs: number): Promise<number>
}

export interface Effort {
  readonly budgetMs: number
  readonly windowMs: number
  /** Windows of each layout, taken in turns: a disturbance meets all of them. */
  readonly rounds: number
  /** Doublings of the batch in a row that may fail to pay before the search ends. */
  readonly patience: number
  /** Looks for every layout's best batch, not for the best layout's alone, and compares nothing with what was measured before. */
  readonly exact: boolean
}

/** While a start waits: what does not fit into the budget is left out. */
export const BRIEF: Effort = { budgetMs: 2400, windowMs: 15, rounds: 3, patience: 2, exact: false }
/** A minute on two cores, a few on many; longer where a run takes longer than the window. */
export const THOROUGH: Effort = { budgetMs: Infinity, windowMs: 500, rounds: 5, patience: 2, exact: true }

/** What stands is replaced by something so much faster, not for less: every change costs a measurement's doubt. */
const WORTHWHILE = 1.05

export interface Tuned {
  readonly best: Layout
  readonly wideThreads: number
  /** Usual images a second of each layout compared, by name; empty where nothing could be afforded. */
  readonly measured: Readonly<Record<string, number>>
  /** Layouts the budget did not allow or that could not run. */
  readonly skipped: readonly string[]
}

/** Finds the fastest layout. Times of a machine at work are noisy, so what is not clearly faster than what stands does not replace it. */
export class Tuner {
  readonly #meter: Meter
  readonly #effort: Effort
  readonly #startedAt: number
  /** Windows' rates by layout, of its last race. */
  readonly #rates = new Map<string, readonly number[]>()
  readonly #skipped = new Set<string>()
  /** Instances that hold a session, by threads. */
  readonly #built = new Map<number, number>()
  /** The longest it took to build a session, in each instance at once. */
  #buildMs = 0
  /** One image on one thread, in a batch where that is faster. */
  #imageMs = 0

  constructor (meter: Meter, effort: Effort) {
    this.#meter = meter
    this.#effort = effort
    this.#startedAt = meter.now()
  }

  async search ({ first, layouts, largestBatch, wide }: SearchSpace): Promise<Tuned> {
    const { buildMs, imageMs } = await this.#meter.probe()
    this.#buildMs = buildMs
    this.#imageMs = imageMs
    this.#built.set(1, 1)
    let best = first
    if (this.#effort.exact) {
      const grown: Layout[] = []
      for (const layout of [first, ...layouts]) grown.push(await this.#grow(layout, largestBatch))
      best = await this.#compare(grown[0]!, grown.slice(1))
    } else {
      best = await this.#grow(await this.#compare(first, layouts), largestBatch)
    }
    const alone = (threads: number): Layout => ({ instances: 1, threads, batch: 1 })
    const { threads: wideThreads } = await this.#compare(alone(wide[0]), wide.slice(1).map(alone))
    const measured = Object.fromEntries([...this.#rates].map(([name, rates]) => [name, Math.round(median(rates) * 10) / 10]))
    return { best, wideThreads, measured, skipped: [...this.#skipped] }
  }

  /** Doubles the batch for as long as that pays. */
  async #grow (layout: Layout, largest: number): Promise<Layout> {
    let best = layout
    let failures = 0
    for (let batch = layout.batch * 2; batch <= largest && failures < this.#effort.patience; batch *= 2) {
      const doubled = { ...layout, batch }
      const winner = await this.#compare(best, [doubled])
      failures = winner === doubled ? 0 : failures + 1
      best = winner
    }
    return best
  }

  /** The fastest of the challengers that is clearly faster than the incumbent, else the incumbent. */
  async #compare (incumbent: Layout, challengers: readonly Layout[]): Promise<Layout> {
    const field = [incumbent]
    let promisedMs = this.#estimateMs(incumbent)
    for (const layout of challengers) {
      const estimateMs = this.#estimateMs(layout)
      if (this.#spentMs() + promisedMs + estimateMs > this.#effort.budgetMs) this.#skipped.add(nameOf(layout))
      else if (await this.#prepare(layout)) {
        field.push(layout)
        promisedMs += this.#windowsMs(layout)
      }
    }
    if (field.length === 1 || !await this.#prepare(incumbent)) return incumbent
    await this.#race(field.filter(layout => this.#effort.exact || !this.#rates.has(nameOf(layout))))
    const ratesOf = (layout: Layout): readonly number[] => this.#rates.get(nameOf(layout))!
    const standing = ratesOf(incumbent)
    const faster = field.filter(layout => isClearlyMore(ratesOf(layout), standing))
    const [best] = faster.sort((a, b) => median(ratesOf(b)) - median(ratesOf(a)))
    return best ?? incumbent
  }

  /** Windows of each in turns. */
  async #race (field: readonly Layout[]): Promise<void> {
    const results = field.map(layout => ({ layout, rates: [] as number[] }))
    for (let round = 0; round < this.#effort.rounds; round++) {
      for (const { layout, rates } of results) rates.push(await this.#meter.rate(layout, this.#effort.windowMs))
    }
    for (const { layout, rates } of results) {
      this.#rates.set(nameOf(layout), rates)
      // A GPU does far more at once than the probe's small image let expect.
      if (layout.threads === 1) this.#imageMs = Math.min(this.#imageMs, layout.instances * 1000 / median(rates))
    }
  }

  /** False when the layout cannot run. */
  async #prepare (layout: Layout): Promise<boolean> {
    if (this.#rates.has(nameOf(layout))) return true
    const before = this.#meter.now()
    try {
      await this.#meter.prepare(layout)
    } catch {
      this.#skipped.add(nameOf(layout))
      return false
    }
    if (!this.#isBuilt(layout)) this.#buildMs = Math.max(this.#buildMs, this.#meter.now() - before - this.#imageMs * layout.batch)
    this.#built.set(layout.threads, Math.max(layout.instances, this.#built.get(layout.threads) ?? 0))
    return true
  }

  #estimateMs (layout: Layout): number {
    if (!this.#effort.exact && this.#rates.has(nameOf(layout))) return 0
    return (this.#isBuilt(layout) ? 0 : this.#buildMs) + this.#imageMs * layout.batch + this.#windowsMs(layout)
  }

  /** A window ends with the run in hand. More threads make a run no slower than one does. */
  #windowsMs ({ batch }: Layout): number {
    const runMs = this.#imageMs * batch
    return this.#effort.rounds * Math.ceil(this.#effort.windowMs / runMs) * runMs
  }

  #isBuilt ({ instances, threads }: Layout): boolean {
    return (this.#built.get(threads) ?? 0) >= instances
  }

  #spentMs (): number {
    return this.#meter.now() - this.#startedAt
  }
}

/**
 * By more than is worth a change, and not by luck: the usual window beats the other's best, the worst the other's usual one.
 * Of four windows or more one in four may be disturbed and does not count.
 */
function isClearlyMore (rates: readonly number[], standing: readonly number[]): boolean {
  const disturbed = rates.length >> 2
  const usual = median(rates)
  return usual > median(standing) * WORTHWHILE && usual > sorted(standing).at(-1 - disturbed)! && sorted(rates)[disturbed]! > median(standing)
}

function median (values: readonly number[]): number {
  return sorted(values)[values.length >> 1]!
}

function sorted (values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}
