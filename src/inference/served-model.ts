import { ServiceError } from '../errors.js'
import type { LoadedModel } from '../weights/load.js'
import type { DeviceCheck } from './device.js'
import type { RunPlan } from './plan.js'

/** A model as the engine runs it. Reloading a model makes a new one; the old ends when its last request did. */
export class ServedModel {
  /** Names the model's sessions in the threads; no two loads share one. */
  readonly key: string
  readonly model: LoadedModel
  readonly plan: RunPlan
  /** The plan's batch, until a device ran out of memory. */
  batchLimit: number
  /** By the instance that made it: the first on each device does. */
  readonly checks = new Map<number, DeviceCheck>()
  #users = 0
  #onUnused: (() => void) | undefined

  constructor (model: LoadedModel, plan: RunPlan, generation: number) {
    this.key = `${model.id}#${generation}`
    this.model = model
    this.plan = plan
    this.batchLimit = plan.maxBatchSize
  }

  /** The model is loaded in, and runs on, the first instances alone, as many as its plan says: its sessions may not fit into memory more often. */
  livesIn (instance: number): boolean {
    return instance < this.plan.instances
  }

  /** In use until the returned function is called. */
  hold (): () => void {
    this.#users++
    return () => {
      this.#users--
      if (this.#users === 0) this.#onUnused?.()
    }
  }

  async unused (): Promise<void> {
    if (this.#users > 0) await new Promise<void>(resolve => { this.#onUnused = resolve })
  }
}

/** What `infer` may be asked for. */
export class ServedModels {
  readonly #served = new Map<LoadedModel, ServedModel>()
  #generation = 0

  /** Not found by `find` before `add`. */
  create (model: LoadedModel, plan: RunPlan): ServedModel {
    return new ServedModel(model, plan, this.#generation++)
  }

  add (served: ServedModel): void {
    this.#served.set(served.model, served)
  }

  remove (served: ServedModel): void {
    this.#served.delete(served.model)
  }

  has (model: LoadedModel): boolean {
    return this.#served.has(model)
  }

  /** @throws ServiceError internal when the model was never loaded or is gone */
  find (model: LoadedModel): ServedModel {
    const served = this.#served.get(model)
    if (served === undefined) throw new ServiceError('internal', `model ${model.id} is not loaded`)
    return served
  }
}
