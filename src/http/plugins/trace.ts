import { ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api'
import plugin from 'fastify-plugin'
import type { FastifyRequest } from 'fastify'
import type { Tracing } from '../../tracing/sdk.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Where the spans of this request belong; the empty context while tracing is off. */
    trace: Context
  }
}

/** Gives every request its place in a trace, and its lines in the log the trace's id. */
export const tracePlugin = plugin(async (app, { tracing }: { tracing: Tracing | undefined }) => {
  app.decorateRequest('trace')
  if (tracing !== undefined) await app.register(tracing.plugin)
  app.addHook('onRequest', async request => {
    request.trace = tracing === undefined ? ROOT_CONTEXT : request.opentelemetry().context ?? ROOT_CONTEXT
    const span = trace.getSpan(request.trace)
    if (span !== undefined) request.log = request.log.child({ trace_id: span.spanContext().traceId })
  })
  app.addHook('onSend', async (request: FastifyRequest) => {
    if (request.modelId !== '') trace.getSpan(request.trace)?.setAttribute('vovnet.model', request.modelId)
  })
}, { name: 'trace' })
