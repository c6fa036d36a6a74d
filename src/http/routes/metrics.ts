import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../metrics.js'

export function metricsRoute (app: FastifyInstance, { registry }: Metrics): void {
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}
