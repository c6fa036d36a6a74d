import { defaultPlan, share, type Means, type PlanSettings } from './plan.js'

/** One way to keep a machine busy: so many runs at once, each of so many images on so many threads. */
export interface Layout {
  readonly instances: number
  readonly threads: number
  readonly batch: number
}

/** What the tuner may try; whatever is set by hand is the same in all of it. */
export interface SearchSpace {
  /** Where the search starts and what it stays with unless something is clearly faster. */
  readonly first: Layout
  /** Other shares of the cores, the likelier ones first, all with the first one's batch. */
  readonly layouts: readonly Layout[]
  /** The batch is doubled up to here while that pays. */
  readonly largestBatch: number
  /** Threads of a run that is alone: what it stays with, then the others. One thread is not among them: that is chosen while serving, by size. */
  readonly wide: readonly [number, ...number[]]
}

/** Beyond it a CPU's caches are long full; a GPU's gain ends earlier or its memory does. */
const LARGEST_BATCH = { cpu: 16, gpu: 256 }

export function searchSpace (settings: PlanSettings, means: Means): SearchSpace {
  const { INSTANCES, THREADS_PER_INSTANCE, MAX_BATCH_SIZE } = settings
  const { device, cores, sessions } = means
  const { instances, threadsPerInstance: threads, wideThreads, maxBatchSize } = defaultPlan(settings, means)
  const largestBatch = (fallback: number): number => MAX_BATCH_SIZE === 'auto' ? fallback : MAX_BATCH_SIZE
  if (device.provider !== 'cpu') {
    const batch = MAX_BATCH_SIZE === 'auto' ? 1 : MAX_BATCH_SIZE
    return { first: { instances, threads, batch }, layouts: [], largestBatch: largestBatch(LARGEST_BATCH.gpu), wide: [wideThreads] }
  }
  const first: Layout = { instances, threads, batch: maxBatchSize }
  const shares = [
    ...halves(cores).reverse().map(threads => ({ instances: share(cores, threads), threads })),
    // Where two hardware threads share a core, half of them may do as much.
    { instances: share(cores, 2), threads: 1 }
  ].map(({ instances, threads }): Layout => INSTANCES === 'auto'
    ? { instances: Math.min(sessions, instances), threads, batch: maxBatchSize }
    : { instances: INSTANCES, threads, batch: maxBatchSize })
  const allowed = shares.filter(({ instances, threads }) => instances * threads <= cores && (THREADS_PER_INSTANCE === 'auto' || threads === THREADS_PER_INSTANCE))
  const seen = new Set([nameOf(first)])
  const layouts = allowed.filter(layout => !seen.has(nameOf(layout)) && seen.add(nameOf(layout)))
  const wide = THREADS_PER_INSTANCE === 'auto' ? halves(cores).slice(1).filter(threads => threads > 1) : []
  return { first, layouts, largestBatch: largestBatch(LARGEST_BATCH.cpu), wide: [wideThreads, ...wide] }
}

/** Whether there is anything to choose. */
export function isOpen ({ first, layouts, largestBatch, wide }: SearchSpace): boolean {
  return layouts.length > 0 || first.batch * 2 <= largestBatch || wide.length > 1
}

/** `2x1 b4`: two instances of one thread, four images a run. */
export function nameOf ({ instances, threads, batch }: Layout): string {
  return `${instances}x${threads} b${batch}`
}

/** All, half, a quarter, ... down to 1. */
function halves (cores: number): number[] {
  return cores === 1 ? [1] : [cores, ...halves(Math.floor(cores / 2))]
}
