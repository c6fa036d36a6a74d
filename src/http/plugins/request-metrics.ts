import plugin from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import { exemplarOf } from '../../tracing/spans.js'
import type { Metrics } from '../../metrics.js'
import { statusOf } from '../status-of.js'
import { toServiceError } from './errors.js'

/** Counts and times every request, those too that were never answered. Unknown routes share one label, and so do requests without a model. */
export const requestMetricsPlugin = plugin(async (app, { metrics }: { metrics: Metrics }) => {
  app.addHook('onRequest', async (request, reply) => {
    // Comes once, after the answer's last byte or when the client is gone; Fastify's onResponse does not come for the latter.
    reply.raw.once('close', () => {
      const route = request.is404 ? 'unmatched' : request.routeOptions.url ?? 'unmatched'
      const model = request.modelId ?? ''
      metrics.requests.inc({ route, model, code: String(statusOf(reply)) })
      metrics.requestDuration.observe({ labels: { route, model }, value: reply.elapsedTime / 1000, exemplarLabels: exemplarOf(request.trace) })
      const bytes = Number(reply.getHeader('content-length') ?? NaN)
      if (reply.raw.writableEnded && !Number.isNaN(bytes)) metrics.responseBytes.observe({ route }, bytes)
    })
  })
}, { name: 'request-metrics' })

/** Counts the scope's requests from their headers to the end of their answer, hang-ups included, and why they were refused. */
export function trackInference (scope: FastifyInstance, metrics: Metrics): void {
  scope.addHook('onRequest', async (_request, reply) => {
    metrics.inflight.inc()
    reply.raw.once('close', () => metrics.inflight.dec())
  })
  scope.addHook('onError', async (_request, _reply, error) => {
    const { code } = toServiceError(error)
    if (code !== 'client_closed_request') metrics.rejections.inc({ reason: code })
  })
}
