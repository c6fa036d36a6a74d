import plugin from 'fastify-plugin'
import type { Timings } from '../../inference/extract.js'
import { PHASES } from '../../metrics.js'

declare module 'fastify' {
  interface FastifyRequest {
    timings: Timings
    /** The id of the model the request is for, once known. */
    modelId: string
  }
}

/** What every answer carries: `x-request-id`, `Server-Timing`, and `connection: close` while draining. */
export const answerHeadersPlugin = plugin(async (app, { draining }: { draining: () => boolean }) => {
  app.decorateRequest('timings')
  app.decorateRequest('modelId', '')
  app.addHook('onRequest', async (request, reply) => {
    request.timings = { decode: 0, queue: 0, infer: 0, encode: 0 }
    void reply.header('x-request-id', request.id)
  })
  app.addHook('onSend', async (request, reply) => {
    void reply.header('server-timing', PHASES.map(phase => `${phase};dur=${request.timings[phase].toFixed(2)}`).join(', '))
    // A kept connection would hold the close back until it idles out.
    if (draining()) void reply.header('connection', 'close')
  })
}, { name: 'answer-headers' })
