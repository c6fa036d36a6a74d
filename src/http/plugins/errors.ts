import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { ERRORS, ServiceError, type ErrorCode } from '../../errors.js'

/** Fastify's and its plugins' own errors, as ours. */
const FOREIGN: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'empty_body',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_content_type',
  // The socket ended while the body was read.
  ECONNRESET: 'client_closed_request',
  ERR_STREAM_PREMATURE_CLOSE: 'client_closed_request',
  FST_REQ_FILE_TOO_LARGE: 'body_too_large',
  FST_FILES_LIMIT: 'too_many_images',
  FST_PARTS_LIMIT: 'invalid_parameter',
  FST_FIELDS_LIMIT: 'invalid_parameter'
}

/** Answers every error as `{error: {code, message, type, param}}`; what is our fault is logged and told as nothing but `internal`. */
export const errorsPlugin = plugin(async app => {
  app.setErrorHandler((error: Error, request: FastifyRequest, reply: FastifyReply) => {
    const coded = toServiceError(error)
    if (coded.code === 'internal') request.log.error({ err: error }, 'request failed')
    else request.log.debug({ code: coded.code, param: coded.param }, coded.message)
    if (coded.retryAfter !== undefined) void reply.header('retry-after', String(coded.retryAfter))
    return reply.code(coded.status).type('application/json').send(errorBody(coded))
  })
  app.setNotFoundHandler((request, reply) => {
    const error = new ServiceError('route_not_found', `there is no ${request.method} ${request.url.split('?')[0]}`)
    return reply.code(error.status).send(errorBody(error))
  })
}, { name: 'errors' })

export function toServiceError (error: Error): ServiceError {
  if (error instanceof ServiceError) return error
  const { code, statusCode } = error as FastifyError
  const known = FOREIGN[code]
  if (known !== undefined) return new ServiceError(known, error.message)
  // What remains with a 4xx is a request Fastify or busboy could not read.
  if (statusCode !== undefined && statusCode < 500) return new ServiceError('invalid_parameter', error.message)
  return new ServiceError('internal', error.message, { cause: error })
}

export function errorBody (error: ServiceError): unknown {
  const message = error.code === 'internal' ? 'the service failed; its log has the cause under this request id' : error.message
  return { error: { code: error.code, message, type: typeOf(error.code), param: error.param ?? null } }
}

function typeOf (code: ErrorCode): string {
  const status: number = ERRORS[code]
  if (status === 401) return 'authentication_error'
  if (status === 429 || status === 503) return 'overloaded_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}
