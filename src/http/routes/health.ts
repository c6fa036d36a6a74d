import type { FastifyInstance } from 'fastify'
import { ServiceError } from '../../errors.js'

/** Whether the service takes work; a drain begins by saying no. */
export interface Readiness {
  readonly ready: boolean
  /** A run hangs in native code: only a new process helps. */
  readonly hung: boolean
}

export function healthRoutes (app: FastifyInstance, readiness: Readiness): void {
  app.get('/health/live', async () => {
    if (readiness.hung) throw new ServiceError('run_timeout', 'a run hangs; the process ends once it has answered what it can')
    return { status: 'live' }
  })
  app.get('/health/ready', async () => {
    if (!readiness.ready) throw new ServiceError('not_ready', 'the service is starting or shutting down', { retryAfter: 1 })
    return { status: 'ready' }
  })
}
