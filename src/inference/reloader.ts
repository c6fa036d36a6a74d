import type { ModelEntry } from '../weights/folder.js'
import type { LoadedModel } from '../weights/load.js'
import { modelStamp } from '../weights/stamp.js'
import type { Catalog } from './catalog.js'
import type { Engine } from './engine.js'
import type { RunPlan } from './plan.js'

export interface ReloaderOptions {
  readonly catalog: Catalog
  readonly engine: Engine
  /** The entries the models being served came from. */
  readonly entries: readonly ModelEntry[]
  /** The models that should be served now. */
  readonly scan: () => readonly ModelEntry[]
  readonly load: (entry: ModelEntry) => Promise<LoadedModel>
  readonly plan: (model: LoadedModel) => RunPlan
  readonly observer: ReloadObserver
}

/** Told what came of a reload, one model at a time. */
export interface ReloadObserver {
  reloaded (change: { model: string, outcome: 'loaded' | 'unloaded' | 'failed', error?: string }): void
}

/**
 * Brings what is served in line with the weights folder, without a failed request: a changed model is loaded and warmed beside
 * the old one, then they are switched, then the old one drains and is freed. A model that does not load leaves the old one
 * serving. A repository API would call the same `apply`.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  readonly #stamps = new Map<string, string>()
  /** What a failed or unfinished file looked like: not tried again before it changes. */
  readonly #seen = new Map<string, string>()
  #last: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #scanError = ''

  constructor (options: ReloaderOptions) {
    this.#options = options
    for (const entry of options.entries) this.#stamps.set(entry.id, modelStamp(entry))
  }

  /** Reloads now whatever changed; one reload at a time. */
  async reload (): Promise<void> {
    this.#seen.clear()
    this.#last = this.#last.then(async () => await this.#apply(() => true))
    await this.#last
  }

  /** Looks every so often. A file is taken up once it looks the same twice, since copying one takes a while. */
  watch (intervalMs: number): void {
    this.#timer = setInterval(() => {
      this.#last = this.#last.then(async () => await this.#apply((id, stamp) => {
        const settled = this.#seen.get(id) === stamp
        this.#seen.set(id, stamp)
        return settled
      }))
    }, intervalMs)
    this.#timer.unref()
  }

  /** Stops watching and waits for the reload in hand. */
  async close (): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
  }

  async #apply (ripe: (id: string, stamp: string) => boolean): Promise<void> {
    const entries = this.#scan()
    if (entries === undefined) return
    for (const entry of entries) {
      const stamp = modelStamp(entry)
      if (stamp === this.#stamps.get(entry.id) || this.#seen.get(entry.id) === `failed ${stamp}`) continue
      if (ripe(entry.id, stamp)) await this.#load(entry, stamp)
    }
    for (const model of this.#options.catalog.list()) {
      if (!entries.some(({ id }) => id === model.id)) await this.#unload(model)
    }
  }

  #scan (): readonly ModelEntry[] | undefined {
    try {
      const entries = this.#options.scan()
      this.#scanError = ''
      return entries
    } catch (error) {
      // A folder being filled looks broken for a while: said once, served on.
      const { message } = error as Error
      if (message !== this.#scanError) this.#options.observer.reloaded({ model: '', outcome: 'failed', error: message })
      this.#scanError = message
      return undefined
    }
  }

  async #load (entry: ModelEntry, stamp: string): Promise<void> {
    const { catalog, engine, observer, load, plan } = this.#options
    try {
      const model = await load(entry)
      await engine.load([{ model, plan: plan(model) }])
      const old = catalog.set(model)
      this.#stamps.set(entry.id, stamp)
      observer.reloaded({ model: entry.id, outcome: 'loaded' })
      if (old !== undefined) await engine.unload(old)
    } catch (error) {
      this.#seen.set(entry.id, `failed ${stamp}`)
      observer.reloaded({ model: entry.id, outcome: 'failed', error: (error as Error).message })
    }
  }

  /** The default model stays: requests that name none would have nothing to go to. */
  async #unload (model: LoadedModel): Promise<void> {
    const { catalog, engine, observer } = this.#options
    if (!catalog.remove(model)) return
    this.#stamps.delete(model.id)
    await engine.unload(model)
    observer.reloaded({ model: model.id, outcome: 'unloaded' })
  }
}
