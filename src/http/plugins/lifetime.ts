import plugin from 'fastify-plugin'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ServiceError, invalidParameter } from '../../errors.js'
import type { Timings } from '../../inference/extract.js'
import { PHASES, type Metrics } from '../../metrics.js'
import { errorBody } from './errors.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborts with a ServiceError when the client hangs up or the deadline passes. */
    lifetime: AbortSignal
    /** When the client stops waiting, milliseconds of performance.now(). */
    deadline: number
    /** 1 to 3 as the client asked, 2 where it did not. */
    priority: number
  }
}

export interface LifetimeOptions {
  readonly timeoutMs: number
  readonly metrics: Metrics
}

/**
 * Gives a request its deadline, its priority and its signal. `request.signal` of Fastify 5 aborts on its own on bodies; the reply's
 * `close` before an answer was written is what a hang-up looks like.
 */
export const lifetimePlugin = plugin(async (app, { timeoutMs, metrics }: LifetimeOptions) => {
  app.decorateRequest('lifetime')
  app.decorateRequest('deadline', 0)
  app.decorateRequest('priority', 2)

  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController()
    request.lifetime = controller.signal
    const limit = readTimeout(request, timeoutMs)
    request.deadline = performance.now() + limit
    request.priority = readPriority(request)
    const timer = setTimeout(() => {
      if (!request.raw.complete) {
        metrics.rejections.inc({ reason: 'request_body_timeout' })
        return answerSlowBody(request, reply, limit)
      }
      controller.abort(new ServiceError('deadline_exceeded', `the answer was not ready after ${limit} ms`))
    }, limit)
    reply.raw.once('close', () => {
      clearTimeout(timer)
      if (reply.raw.writableEnded) return
      metrics.cancellations.inc({ phase: phaseOf(request.timings) })
      controller.abort(new ServiceError('client_closed_request', 'the client hung up'))
    })
  })
}, { name: 'lifetime' })

/** The service's limit, or less where the client asks for less. */
function readTimeout (request: FastifyRequest, limit: number): number {
  const header = request.headers['x-request-timeout-ms']
  if (header === undefined) return limit
  const asked = Number(header)
  if (!(Number.isInteger(asked) && asked > 0)) throw invalidParameter('x-request-timeout-ms', 'a whole number of milliseconds above 0', header)
  return Math.min(asked, limit)
}

function readPriority (request: FastifyRequest): number {
  const header = request.headers['x-request-priority'] ?? '2'
  if (header !== '1' && header !== '2' && header !== '3') throw invalidParameter('x-request-priority', '1, 2 or 3', header)
  return Number(header)
}

/** The parser still waits for bytes that may never come: answer, then cut the connection. */
function answerSlowBody (request: FastifyRequest, reply: FastifyReply, limit: number): void {
  if (reply.sent) return
  const error = new ServiceError('request_body_timeout', `the body was not complete after ${limit} ms`)
  reply.raw.once('finish', () => request.raw.destroy())
  void reply.code(error.status).header('connection', 'close').type('application/json').send(errorBody(error))
}

/** The first phase that has not been timed yet is the one the request is in. */
function phaseOf (timings: Timings): string {
  return PHASES.find(phase => timings[phase] === 0) ?? 'encode'
}
