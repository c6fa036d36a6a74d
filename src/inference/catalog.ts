import { ServiceError, show } from '../errors.js'
import type { LoadedModel } from '../weights/load.js'

/** The models being served, by id. */
export class Catalog {
  readonly #models = new Map<string, LoadedModel>()
  readonly #defaultId: string

  /** @throws ServiceError weights_folder when the default is not among the models */
  constructor (models: readonly LoadedModel[], defaultId: string) {
    for (const model of models) this.#models.set(model.id, model)
    this.#defaultId = defaultId === '' ? models[0]?.id ?? '' : defaultId
    if (!this.#models.has(this.#defaultId)) {
      throw new ServiceError('weights_folder', `DEFAULT_MODEL must be one of ${[...this.#models.keys()].join(', ')}, received ${show(this.#defaultId)}`, { param: 'DEFAULT_MODEL' })
    }
  }

  get default (): LoadedModel {
    return this.get(undefined)
  }

  /** Serves the model under its id from now on; the one that was, if any. */
  set (model: LoadedModel): LoadedModel | undefined {
    const old = this.#models.get(model.id)
    this.#models.set(model.id, model)
    return old
  }

  /** False for the default model, which stays. */
  remove (model: LoadedModel): boolean {
    return model.id !== this.#defaultId && this.#models.delete(model.id)
  }

  list (): LoadedModel[] {
    return [...this.#models.values()]
  }

  /**
   * @param id undefined or empty is the default model
   * @throws ServiceError model_not_found
   */
  get (id: string | undefined): LoadedModel {
    const model = this.#models.get(id === undefined || id === '' ? this.#defaultId : id)
    if (model === undefined) throw new ServiceError('model_not_found', `model must be one of ${[...this.#models.keys()].join(', ')}, received ${show(id)}`, { param: 'model' })
    return model
  }
}
