import type { Depth } from '../model/network.js'

/** How a model's runs are laid out on this machine: measured by the tuner or set by hand. */
export interface RunPlan {
  /** Runs of the model at once. */
  readonly instances: number
  /** Cores of one run while there is more to do. */
  readonly threadsPerInstance: number
  /** Cores of a run that has the machine to itself. */
  readonly wideThreads: number
  /** Images in a run at the most. */
  readonly maxBatchSize: number
}

/** What is set by hand; `auto` is left to measurement. */
export interface PlanSettings {
  readonly INSTANCES: number | 'auto'
  readonly THREADS_PER_INSTANCE: number | 'auto'
  readonly MAX_BATCH_SIZE: number | 'auto'
}

/** Several one-thread runs of one image measured fastest on CPUs; wide runs shorten the wait where nobody else waits. */
export function defaultPlan (settings: PlanSettings, cores: number): RunPlan {
  const auto = (setting: number | 'auto', fallback: number): number => setting === 'auto' ? fallback : setting
  return {
    instances: auto(settings.INSTANCES, cores),
    threadsPerInstance: auto(settings.THREADS_PER_INSTANCE, 1),
    wideThreads: auto(settings.THREADS_PER_INSTANCE, cores),
    maxBatchSize: auto(settings.MAX_BATCH_SIZE, 1)
  }
}

/** Images a run of so many computes: a GPU's batches are padded to powers of two, so that few shapes need a plan of its own. */
export function paddedBatch (images: number, pads: boolean): number {
  return pads ? 2 ** Math.ceil(Math.log2(images)) : images
}

/** From the shallowest to the deepest, for the scheduler's comparisons. */
export const DEPTH_ORDER: readonly Depth[] = ['stem', 'stage2', 'stage3', 'stage4', 'stage5', 'fpn']
