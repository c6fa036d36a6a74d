import { parseArgs, type ParseArgsConfig } from 'node:util'
import { ServiceError } from '../errors.js'

type Options = NonNullable<ParseArgsConfig['options']>

/** parseArgs, whose complaints end in where help is. */
export function readArguments<const Known extends Options> (command: string, args: string[], options: Known) {
  try {
    return parseArgs({ args, allowPositionals: true, strict: true, options: { ...options, help: { type: 'boolean', short: 'h' } } })
  } catch (error) {
    throw new ServiceError('invalid_parameter', `${(error as Error).message.split('. ')[0]}; see vovnet-serve ${command} --help`)
  }
}

/** @throws ServiceError invalid_parameter unless there is exactly one argument */
export function oneArgument (command: string, positionals: readonly string[], what: string): string {
  const [only] = positionals
  if (only === undefined || positionals.length > 1) throw new ServiceError('invalid_parameter', `${command} takes ${what}, received ${positionals.length === 0 ? 'none' : positionals.join(' ')}; see vovnet-serve ${command} --help`)
  return only
}
