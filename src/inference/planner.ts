import type { LoadedModel } from '../weights/load.js'
import { defaultPlan, share, type Means, type PlanSettings, type RunPlan } from './plan.js'
import { planFile, planKey, readPlan, writePlan } from './plan-cache.js'
import { isOpen, searchSpace } from './search-space.js'
import { TrialThreads } from './trial-threads.js'
import { BRIEF, THOROUGH, type Tuned } from './tuner.js'

/** What a session of each model takes in memory: measured 24 MB for 5 MB of weights, 390 for 96, 740 to 1000 for 265. */
const SESSION_BYTES = 32 * 2 ** 20
const SESSION_WEIGHTS = 3

export interface PlannerSettings extends PlanSettings {
  /** brief: what was not measured before is, within seconds; thorough: all is measured anew; off: nothing is. */
  readonly TUNE: 'off' | 'brief' | 'thorough'
}

export interface PlannerOptions {
  readonly settings: PlannerSettings
  readonly device: Means['device']
  readonly cores: number
  /** Bytes that are free for each model. */
  readonly memory: number
  /** Measures; tests put a faster one here. */
  readonly tune?: TrialThreads['tune']
}

/** A plan and how it came about, for the log. */
export interface PlannedModel {
  readonly model: LoadedModel
  readonly plan: RunPlan
  readonly report: {
    readonly tookMs: number
    readonly measured?: Tuned['measured']
    readonly skipped?: Tuned['skipped']
    /** Why nothing was measured though it was asked for. */
    readonly unmeasured?: string
    /** Why the plan was not stored: the next start measures again. */
    readonly notStored?: string
  }
}

/** Chooses how each model runs: as set by hand, else as measured before on such a machine, else as measured now. */
export class Planner {
  readonly #options: PlannerOptions

  constructor (options: PlannerOptions) {
    this.#options = options
  }

  /** The plan where nothing may be measured, as while serving: by hand, cached or the default. */
  recall (model: LoadedModel): RunPlan {
    const { settings } = this.#options
    const means = this.#meansFor(model)
    const fallback = defaultPlan(settings, means)
    if (fallback.chosen === 'by hand') return fallback
    const known = readPlan(planFile(model.file), planKey(model, settings, means))
    return known === undefined || known.instances > Math.max(means.sessions, fallback.instances) ? fallback : { ...known, chosen: 'cached' }
  }

  /** The models with their plans, in order. All the measuring of a brief tuning together stays within its budget. */
  async plan (models: readonly LoadedModel[]): Promise<PlannedModel[]> {
    const { settings: { TUNE }, device } = this.#options
    const startedAt = performance.now()
    const trials = new TrialThreads(device)
    const tune = this.#options.tune ?? trials.tune.bind(trials)
    const planned = new Map<LoadedModel, PlannedModel>()
    try {
      const recalled = models.map(model => ({ model, plan: this.recall(model), report: { tookMs: 0 } }))
      const open = recalled.filter(({ plan }) => TUNE === 'thorough' || (TUNE === 'brief' && plan.chosen === 'default'))
      for (const one of recalled) planned.set(one.model, one)
      for (const [index, { model }] of open.entries()) {
        const left = BRIEF.budgetMs - (performance.now() - startedAt)
        planned.set(model, await this.#measure(model, tune, left / (open.length - index)))
      }
    } finally {
      await trials.close()
    }
    return models.map(model => planned.get(model)!)
  }

  async #measure (model: LoadedModel, tune: TrialThreads['tune'], budgetMs: number): Promise<PlannedModel> {
    const { settings } = this.#options
    const means = this.#meansFor(model)
    const fallback = defaultPlan(settings, means)
    const space = searchSpace(settings, means)
    if (!isOpen(space)) return { model, plan: fallback, report: { tookMs: 0 } }
    const startedAt = performance.now()
    const took = (): number => Math.round(performance.now() - startedAt)
    try {
      const { best, wideThreads, measured, skipped } = await tune(model, space, settings.TUNE === 'thorough' ? THOROUGH : { ...BRIEF, budgetMs })
      const plan: RunPlan = Object.keys(measured).length === 0
        ? fallback
        : { instances: best.instances, threadsPerInstance: best.threads, wideThreads, maxBatchSize: best.batch, chosen: 'measured' }
      return { model, plan, report: { tookMs: took(), measured, skipped, ...this.#store(model, means, plan) } }
    } catch (error) {
      return { model, plan: fallback, report: { tookMs: took(), unmeasured: (error as Error).message } }
    }
  }

  /** Also where nothing could be afforded: the next start need not find that out again. */
  #store (model: LoadedModel, means: Means, plan: RunPlan): { notStored?: string } {
    try {
      writePlan(planFile(model.file), planKey(model, this.#options.settings, means), plan)
      return {}
    } catch (error) {
      return { notStored: (error as Error).message } // a read-only volume; the plan holds for this process
    }
  }

  /** At most half of the memory for sessions as deep as the network: buffers, wide and shallower sessions take theirs too. */
  #meansFor ({ weights }: LoadedModel): Means {
    const { device, cores, memory } = this.#options
    return { device, cores, sessions: share(memory / 2, SESSION_BYTES + SESSION_WEIGHTS * weights.buffer.byteLength) }
  }
}
