import plugin from 'fastify-plugin'
import { statusOf } from '../status-of.js'

/** What asks every few seconds; its lines would bury the others. */
const ROUTINE = new Set(['/health/live', '/health/ready', '/metrics'])

/**
 * One line a request, when its answer has gone or its client has. Of the address only the path, and no header: keys travel in both.
 */
export const requestLogPlugin = plugin(async app => {
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', () => {
      const path = request.url.split('?')[0]!
      const { decode, queue, infer, encode } = request.timings
      const worked = request.modelId === '' ? {} : { model: request.modelId, decodeMs: round(decode), queueMs: round(queue), inferMs: round(infer), encodeMs: round(encode) }
      request.log[ROUTINE.has(path) ? 'debug' : 'info']({
        method: request.method,
        path,
        status: statusOf(reply),
        ms: round(reply.elapsedTime),
        ...worked,
        client: request.ip
      }, 'request')
    })
  })
}, { name: 'request-log' })

function round (milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100
}
