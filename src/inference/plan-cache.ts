import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { VERSION } from '../version.js'
import type { LoadedModel } from '../weights/load.js'
import type { Means, PlanSettings, RunPlan } from './plan.js'

/** Whatever a measurement depends on: another value of any of it, and the plan is measured anew. */
export interface PlanKey {
  /** The service's, for the graphs it writes. */
  readonly version: string
  readonly cpu: string
  readonly cores: number
  readonly architecture: string
  readonly onnxruntime: string
  readonly provider: string
  readonly precision: string
  readonly devices: readonly number[]
  readonly sha256: string
  readonly input: string
  readonly byHand: ReadonlyArray<number | 'auto'>
}

type CachedPlan = Omit<RunPlan, 'chosen'>
interface Entry { readonly key: PlanKey, readonly plan: CachedPlan }

/** Machines of several kinds may share a volume. */
const MOST_ENTRIES = 16
const FIELDS = ['instances', 'threadsPerInstance', 'wideThreads', 'maxBatchSize'] as const

const { version: ORT_VERSION } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }

export function planKey ({ sha256, preprocess: { geometry } }: LoadedModel, { INSTANCES, THREADS_PER_INSTANCE, MAX_BATCH_SIZE }: PlanSettings, { device, cores }: Means): PlanKey {
  return {
    version: VERSION,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores,
    architecture: process.arch,
    onnxruntime: ORT_VERSION,
    provider: device.provider,
    precision: device.precision,
    devices: device.ids,
    sha256,
    input: `${geometry.width}x${geometry.height}`,
    byHand: [INSTANCES, THREADS_PER_INSTANCE, MAX_BATCH_SIZE]
  }
}

/** Beside the checkpoint and named after it; the dot keeps it out of the weights folder's sight. */
export function planFile (checkpoint: string): string {
  return join(dirname(checkpoint), `.${basename(checkpoint)}.vovnet-plan.json`)
}

/** undefined when nothing, nothing for this key or nothing sound is there. */
export function readPlan (file: string, key: PlanKey): CachedPlan | undefined {
  return readEntries(file).find(entry => sameKey(entry.key, key))?.plan
}

/** Keeps what other machines stored. A reader sees the old file or the new one. @throws Error of the file system */
export function writePlan (file: string, key: PlanKey, { instances, threadsPerInstance, wideThreads, maxBatchSize }: RunPlan): void {
  const others = readEntries(file).filter(entry => !sameKey(entry.key, key))
  const entries: Entry[] = [{ key, plan: { instances, threadsPerInstance, wideThreads, maxBatchSize } }, ...others]
  const partial = `${file}.${process.pid}`
  try {
    writeFileSync(partial, `${JSON.stringify({ plans: entries.slice(0, MOST_ENTRIES) }, null, 2)}\n`)
    renameSync(partial, file)
  } finally {
    rmSync(partial, { force: true })
  }
}

function readEntries (file: string): Entry[] {
  try {
    const { plans } = JSON.parse(readFileSync(file, 'utf8')) as { plans: Entry[] }
    return plans.filter(({ key, plan }) => typeof key === 'object' && FIELDS.every(field => Number.isInteger(plan[field]) && plan[field] >= 1))
  } catch {
    return [] // not there, not readable or not ours: it is measured anew
  }
}

function sameKey (a: PlanKey, b: PlanKey): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
