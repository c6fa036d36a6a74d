/** Every coded error of the service, with the HTTP status it is answered with. */
export const ERRORS = {
  invalid_parameter: 400,
  empty_body: 400,
  image_too_small: 400,
  shapes_differ: 400,
  unauthorized: 401,
  model_not_found: 404,
  route_not_found: 404,
  not_acceptable: 406,
  request_body_timeout: 408,
  body_too_large: 413,
  image_too_large: 413,
  too_many_images: 413,
  unsupported_image_type: 415,
  unsupported_content_type: 415,
  image_not_decodable: 422,
  client_closed_request: 499,
  queue_full: 429,
  deadline_unreachable: 429,
  internal: 500,
  run_timeout: 500,
  not_ready: 503,
  device_out_of_memory: 503,
  deadline_exceeded: 504,
  // Start-up and command line: never answered over HTTP.
  invalid_setting: 500,
  checkpoint_unreadable: 500,
  checkpoint_unrecognised: 500,
  checkpoint_mismatch: 500,
  weights_folder: 500,
  provider_unavailable: 500,
  hub_unauthorized: 500,
  hub_not_found: 500,
  hub_unavailable: 500,
  hub_corrupt: 500
} as const satisfies Record<string, number>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorDetails {
  /** What the error is about: a query name, a setting, `images[3]`, a tensor. */
  param?: string | undefined
  /** Seconds after which trying again makes sense. */
  retryAfter?: number | undefined
  cause?: unknown
}

/**
 * The one error class of the service. `message` says name, expected and received, and is safe to show to a client
 * for a 4xx; the message of a 500 goes to the log alone.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  readonly code: ErrorCode
  readonly param: string | undefined
  readonly retryAfter: number | undefined

  constructor (code: ErrorCode, message: string, details: ErrorDetails = {}) {
    // A code says where an expected error comes from. A stack takes 70 us, in an overload the most of what a refusal costs.
    const { stackTraceLimit } = Error
    if (code !== 'internal') Error.stackTraceLimit = 0
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.param = details.param
    this.retryAfter = details.retryAfter
  }

  get status (): number {
    return ERRORS[this.code]
  }
}

/** `size must be a whole number of pixels from 1 to 4096, received "-1"` with the parameter's name attached. */
export function invalidParameter (param: string, expected: string, received: unknown): ServiceError {
  return new ServiceError('invalid_parameter', `${param} must be ${expected}, received ${show(received)}`, { param })
}

/** A value as a message shows it: quoted, and cut after 80 characters. */
export function show (value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
