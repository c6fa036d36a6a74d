import type { Depth } from '../model/network.js'
import type { Device } from './device.js'

/** How a model's runs are laid out on this machine. */
export interface RunPlan {
  /** Runs of the model at once. */
  readonly instances: number
  /** Cores of one run while there is more to do. */
  readonly threadsPerInstance: number
  /** Cores a run may take that has the machine to itself, where they make it faster. */
  readonly wideThreads: number
  /** Images in a run at the most. */
  readonly maxBatchSize: number
  /** Who chose it; absent where the program that built the engine did. `default` is a belief, nothing was measured. */
  readonly chosen?: 'by hand' | 'measured' | 'cached' | 'default'
}

/** What is set by hand; `auto` is left to measurement. */
export interface PlanSettings {
  readonly INSTANCES: number | 'auto'
  readonly THREADS_PER_INSTANCE: number | 'auto'
  readonly MAX_BATCH_SIZE: number | 'auto'
}

/** What a plan may spend. */
export interface Means {
  readonly device: Device
  readonly cores: number
  /** Sessions that fit into memory: each holds the weights anew. */
  readonly sessions: number
}

/** Images in a GPU's run as long as nothing was measured: most of what batches gain, little memory. */
const GPU_BATCH = 8

/**
 * What is set by hand, the rest by belief. On a CPU several one-thread runs of one image measured fastest, and wide runs shorten
 * the wait where nobody else waits; a GPU takes one instance and batches.
 */
export function defaultPlan (settings: PlanSettings, { device, cores, sessions }: Means): RunPlan {
  const { INSTANCES, THREADS_PER_INSTANCE, MAX_BATCH_SIZE } = settings
  const auto = (setting: number | 'auto', fallback: number): number => setting === 'auto' ? fallback : setting
  const byHand = ![INSTANCES, THREADS_PER_INSTANCE, MAX_BATCH_SIZE].includes('auto')
  const chosen = byHand ? 'by hand' : 'default'
  if (device.provider !== 'cpu') {
    const threads = auto(THREADS_PER_INSTANCE, 1)
    return { instances: auto(INSTANCES, Math.max(1, device.ids.length)), threadsPerInstance: threads, wideThreads: threads, maxBatchSize: auto(MAX_BATCH_SIZE, GPU_BATCH), chosen }
  }
  const threads = auto(THREADS_PER_INSTANCE, INSTANCES === 'auto' ? 1 : share(cores, INSTANCES))
  return {
    instances: auto(INSTANCES, Math.min(sessions, share(cores, threads))),
    threadsPerInstance: threads,
    wideThreads: auto(THREADS_PER_INSTANCE, cores),
    maxBatchSize: auto(MAX_BATCH_SIZE, 1),
    chosen
  }
}

/** How often a part goes into the whole; at least 1. */
export function share (whole: number, part: number): number {
  return Math.max(1, Math.floor(whole / part))
}

/** Images a run of so many computes: a GPU's batches are padded to powers of two, so that few shapes need a plan of its own. */
export function paddedBatch (images: number, pads: boolean): number {
  return pads ? 2 ** Math.ceil(Math.log2(images)) : images
}

/** From the shallowest to the deepest, for the scheduler's comparisons. */
export const DEPTH_ORDER: readonly Depth[] = ['stem', 'stage2', 'stage3', 'stage4', 'stage5', 'fpn']
