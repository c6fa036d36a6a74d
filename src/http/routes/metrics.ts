import Fastify, { type FastifyInstance } from 'fastify'
import type { Metrics } from '../../metrics.js'

/** `GET /metrics`: OpenMetrics, with exemplars, to those who ask for it, as Prometheus does; else Prometheus' own text. */
export function metricsRoute (app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', async (request, reply) => {
    const { type, body } = await metrics.expose({ openMetrics: request.headers.accept?.includes('application/openmetrics-text') === true })
    return await reply.type(type).send(body)
  })
}

/** An application of /metrics alone, for a port that clients do not reach. */
export function metricsApp (metrics: Metrics): FastifyInstance {
  const app = Fastify()
  metricsRoute(app, metrics)
  return app
}
