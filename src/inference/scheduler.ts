/** One image waiting for a run. Times are milliseconds of one monotonic clock. */
export interface Job {
  /** Model and size: jobs of one base differ in depth alone. */
  readonly base: string
  /** How deep a graph it needs; jobs of one base and depth may share a run. */
  readonly depth: number
  /** Whether a deeper graph of its base puts out all it wants. */
  readonly joinsDeeper: boolean
  /** 1 goes before 2 before 3, until waiting has levelled them. */
  readonly priority: number
  readonly queuedAt: number
  readonly deadline: number
}

/** What the scheduler asks of its surroundings when it looks for a batch. */
export interface SchedulerLimits<J extends Job> {
  readonly maxDelayMs: number
  /** The most images in a run of this job's group. */
  batchLimit (job: J): number
  /** Images a run of so many really computes: on a GPU batches are padded up. */
  paddedTo (job: J, images: number): number
  /** Milliseconds a run of so many images takes; undefined before one was seen. */
  runMs (job: J, images: number): number | undefined
}

export type Next<J> = { readonly batch: J[] } | { readonly waitUntil: number } | undefined

/** A job that waited this long counts as one priority higher; twice as long, two. */
export const AGEING_MS = 2000
/** A deadline nearer than this orders jobs across groups; further off it orders them within a group. */
export const TIGHT_MS = 1000

interface Group<J> {
  readonly jobs: Set<J>
  /** Run time given to the group, on a clock that starts level with the least served group waiting. */
  served: number
  lastArrival: number
  /** Mean time between arrivals, smoothed. */
  gapMs: number
}

interface Turn<J> { readonly group: Group<J>, readonly job: J }

/**
 * Which images run next. Order: priority (aged), then tight deadlines, then the group served least, then the deadline, then
 * arrival. Groups take turns by run time, so a flood of one size, model or depth leaves the others their share, and
 * nothing waits for a batch of another shape to fill.
 */
export class Scheduler<J extends Job> {
  readonly #groups = new Map<string, Group<J>>()
  readonly #limits: SchedulerLimits<J>
  #size = 0

  constructor (limits: SchedulerLimits<J>) {
    this.#limits = limits
  }

  get size (): number {
    return this.#size
  }

  * jobs (): Generator<J> {
    for (const group of this.#groups.values()) yield * group.jobs
  }

  add (job: J): void {
    const key = keyOf(job)
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { jobs: new Set(), served: this.#leastServed(), lastArrival: -Infinity, gapMs: Infinity }
      this.#groups.set(key, group)
    }
    const gap = job.queuedAt - group.lastArrival
    group.gapMs = Number.isFinite(group.gapMs) ? 0.8 * group.gapMs + 0.2 * gap : gap
    group.lastArrival = job.queuedAt
    group.jobs.add(job)
    this.#size++
  }

  /** True when the job was waiting and is not any more. */
  remove (job: J): boolean {
    const key = keyOf(job)
    const group = this.#groups.get(key)
    if (group === undefined || !group.jobs.delete(job)) return false
    this.#size--
    if (group.jobs.size === 0) this.#groups.delete(key)
    return true
  }

  /**
   * The batch an idle instance should run now; or when to look again, where every group that could run still gains by
   * waiting; or undefined when nothing waits that may run there.
   */
  next (now: number, mayRun: (job: J) => boolean): Next<J> {
    const { best, waitUntil } = this.#turn(now, mayRun)
    if (best !== undefined) return { batch: this.#take(best, now) }
    return waitUntil === Infinity ? undefined : { waitUntil }
  }

  /** What `next` would give, where it fills a batch for each of so many instances and a run takes no longer than that; else undefined. */
  surplus (now: number, mayRun: (job: J) => boolean, { instances, longestMs }: { instances: number, longestMs: number }): J[] | undefined {
    const { best } = this.#turn(now, mayRun)
    if (best === undefined) return undefined
    const limit = this.#limits.batchLimit(best.job)
    if (best.group.jobs.size < limit * instances || (this.#limits.runMs(best.job, limit) ?? Infinity) > longestMs) return undefined
    return this.#take(best, now)
  }

  /** Whose turn it is, and until when those are held that would otherwise come first. */
  #turn (now: number, mayRun: (job: J) => boolean): { best: Turn<J> | undefined, waitUntil: number } {
    let best: Turn<J> | undefined
    let waitUntil = Infinity
    for (const group of this.#groups.values()) {
      const job = first(group.jobs, now)
      if (!mayRun(job)) continue
      const held = this.#heldUntil(group, now)
      if (held > now) waitUntil = Math.min(waitUntil, held)
      else if (best === undefined || before(job, group, best.job, best.group, now)) best = { job, group }
    }
    return { best, waitUntil }
  }

  #take ({ group, job: head }: Turn<J>, now: number): J[] {
    const order = [...group.jobs].sort((a, b) => compare(a, b, now))
    const batch = order.slice(0, this.#limits.batchLimit(head))
    group.served += this.#limits.runMs(head, batch.length) ?? 1
    for (const job of batch) this.remove(job)
    const free = this.#limits.paddedTo(head, batch.length) - batch.length
    if (free > 0) batch.push(...this.#guests(head, free))
    return batch
  }

  /** Shallower jobs for places that would be computed empty: they cost nothing there. */
  #guests (head: J, free: number): J[] {
    const guests = [...this.jobs()].filter(job => job.base === head.base && job.depth < head.depth && job.joinsDeeper)
    const taken = guests.sort((a, b) => a.deadline - b.deadline || a.queuedAt - b.queuedAt).slice(0, free)
    for (const job of taken) this.remove(job)
    return taken
  }

  /** Until when it pays to let the group fill: never past the delay, never where a deadline would suffer. */
  #heldUntil (group: Group<J>, now: number): number {
    const { maxDelayMs } = this.#limits
    if (maxDelayMs === 0) return now
    const jobs = [...group.jobs]
    const [head] = jobs
    if (head === undefined || jobs.length >= this.#limits.batchLimit(head)) return now
    const run = this.#limits.runMs(head, jobs.length)
    const more = this.#limits.runMs(head, jobs.length + 1)
    const alone = this.#limits.runMs(head, 1)
    if (run === undefined || more === undefined || alone === undefined) return now
    // One more image in this run instead of one of its own saves this much; all that wait pay for the wait.
    const saved = run + alone - more
    if (jobs.length * group.gapMs >= saved) return now
    const oldest = Math.min(...jobs.map(job => job.queuedAt))
    const soonest = Math.min(...jobs.map(job => job.deadline))
    return Math.min(oldest + maxDelayMs, soonest - 2 * more)
  }

  #leastServed (): number {
    const served = [...this.#groups.values()].map(group => group.served)
    return served.length === 0 ? 0 : Math.min(...served)
  }
}

function keyOf (job: Job): string {
  return `${job.base} ${job.depth}`
}

function agedPriority (job: Job, now: number): number {
  return Math.max(1, job.priority - Math.floor((now - job.queuedAt) / AGEING_MS))
}

function tightDeadline (job: Job, now: number): number {
  return job.deadline - now < TIGHT_MS ? job.deadline : Infinity
}

/** Sets keep the order of arrival, so equal jobs stay in it. */
function first<J extends Job> (jobs: ReadonlySet<J>, now: number): J {
  const [head, ...rest] = jobs
  return rest.reduce((best, job) => compare(job, best, now) < 0 ? job : best, head!)
}

function compare (a: Job, b: Job, now: number, servedA = 0, servedB = 0): number {
  const tight = (job: Job): number => tightDeadline(job, now)
  return agedPriority(a, now) - agedPriority(b, now) ||
    (tight(a) === tight(b) ? 0 : tight(a) - tight(b)) ||
    servedA - servedB ||
    a.deadline - b.deadline ||
    a.queuedAt - b.queuedAt
}

function before<J extends Job> (a: J, groupA: Group<J>, b: J, groupB: Group<J>, now: number): boolean {
  return compare(a, b, now, groupA.served, groupB.served) < 0
}
