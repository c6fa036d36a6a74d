import Fastify, { type FastifyInstance } from 'fastify'
import type { Metrics } from '../../metrics.js'

export function metricsRoute (app: FastifyInstance, { registry }: Metrics): void {
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}

/** An application of /metrics alone, for a port that clients do not reach. */
export function metricsApp (metrics: Metrics): FastifyInstance {
  const app = Fastify()
  metricsRoute(app, metrics)
  return app
}
