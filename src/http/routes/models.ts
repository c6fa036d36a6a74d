import type { FastifyInstance } from 'fastify'
import type { Catalog } from '../../inference/catalog.js'
import type { LoadedModel } from '../../weights/load.js'
import { modelCard, type ModelStatus } from '../model-card.js'

/** `GET /v1/models` and `/v1/models/{id}`: what is served, and how. Ids may hold a slash. */
export function modelsRoutes (app: FastifyInstance, catalog: Catalog, status: (model: LoadedModel) => ModelStatus): void {
  app.get('/v1/models', async () => ({ object: 'list', data: catalog.list().map(model => modelCard(status(model), model === catalog.default)) }))

  app.get<{ Params: { '*': string } }>('/v1/models/*', async request => {
    const model = catalog.get(request.params['*'])
    request.modelId = model.id
    return modelCard(status(model), model === catalog.default)
  })
}
