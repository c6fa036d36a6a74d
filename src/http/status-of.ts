import type { FastifyReply } from 'fastify'
import { ERRORS } from '../errors.js'

/** What a reply whose connection has closed was answered with; 499 where the client left before it was. */
export function statusOf ({ raw }: FastifyReply): number {
  return raw.writableEnded ? raw.statusCode : ERRORS.client_closed_request
}
