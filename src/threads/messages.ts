import { ServiceError, type ErrorCode } from '../errors.js'

/** What travels between a TaskThread and the worker file it runs. */
export type ToWorker = { type: 'task', task: unknown } | { type: 'close' }
export type FromWorker =
  | { type: 'ready' }
  | { type: 'done', result: unknown }
  | { type: 'failed', error: WireError }

/** An error as it crosses a thread: structured clone would lose the class and its code. */
export interface WireError {
  code: ErrorCode
  message: string
  param?: string | undefined
  stack?: string | undefined
}

export function toWire (error: unknown): WireError {
  if (error instanceof ServiceError) return { code: error.code, message: error.message, param: error.param }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { code: 'internal', message, stack }
}

export function fromWire (wire: WireError): ServiceError {
  const error = new ServiceError(wire.code, wire.message, { param: wire.param })
  if (wire.stack !== undefined) error.stack = wire.stack
  return error
}
