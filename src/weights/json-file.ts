import { readFileSync, statSync } from 'node:fs'
import type { Static, TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { Value } from 'typebox/value'
import { show } from '../errors.js'
import { weightsError } from './weights-error.js'

/** Descriptions are a few KB; a label list of 21,000 classes is under one MB. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Reads a JSON file and checks it.
 * @throws ServiceError weights_folder naming the file, the field, what was expected and what was received
 */
export function readJsonFile<Schema extends TSchema> (file: string, schema: Schema): Static<Schema> {
  let value: unknown
  try {
    if (statSync(file).size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`)
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw weightsError(file, `cannot be read as JSON: ${(error as Error).message}`, error)
  }
  const faults = Value.Errors(schema, value).map(fault => ({ path: fault.instancePath.split('/').slice(1), message: explain(fault) }))
  if (faults.length === 0) return value as Static<Schema>
  // Of a choice of schemas the deepest fault is the one in the form that was meant.
  const { path, message } = faults.reduce((deepest, fault) => fault.path.length > deepest.path.length ? fault : deepest)
  const received = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value)
  throw weightsError(file, `${path.length === 0 ? 'the file' : path.join('.')} ${message}, received ${show(JSON.stringify(received))}`)
}

function explain (fault: TLocalizedValidationError): string {
  if (fault.keyword === 'enum') return `must be one of ${fault.params.allowedValues.map(value => JSON.stringify(value)).join(', ')}`
  // The schema of an additional property or a surplus list item is `false`.
  return fault.keyword === 'boolean' ? 'is not a field that is known here' : fault.message
}
