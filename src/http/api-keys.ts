import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.js'
import { ServiceError } from '../errors.js'

/** The keys that are let in; none where everybody is. Kept as hashes, so that comparing takes the same time whatever is sent. */
export class ApiKeys {
  readonly #digests: readonly Buffer[]

  constructor (keys: readonly string[]) {
    this.#digests = keys.map(digest)
  }

  /**
   * @param authorization the header, `Bearer <key>`
   * @throws ServiceError unauthorized
   */
  require (authorization: string | undefined): void {
    if (this.#digests.length === 0) return
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) throw new ServiceError('unauthorized', `authorization must be "Bearer" and a key, ${authorization === undefined ? 'there is none' : 'received something else'}`, { param: 'authorization' })
    const sent = digest(given)
    const matches = this.#digests.filter(known => timingSafeEqual(known, sent))
    if (matches.length === 0) throw new ServiceError('unauthorized', 'authorization holds no key of this service', { param: 'authorization' })
  }
}

/** @throws ServiceError invalid_setting when the file cannot be read or holds no key */
export function readApiKeys ({ API_KEYS, API_KEYS_FILE }: Pick<Config, 'API_KEYS' | 'API_KEYS_FILE'>): ApiKeys {
  if (API_KEYS_FILE === '') return new ApiKeys(API_KEYS)
  let text: string
  try {
    text = readFileSync(API_KEYS_FILE, 'utf8')
  } catch (error) {
    throw new ServiceError('invalid_setting', `API_KEYS_FILE must be a file that can be read, received ${(error as Error).message}`, { param: 'API_KEYS_FILE' })
  }
  const keys = text.split('\n').map(line => line.trim()).filter(line => line !== '')
  // An empty file that let everybody in would be a trap.
  if (keys.length === 0) throw new ServiceError('invalid_setting', `API_KEYS_FILE must hold a key a line, ${API_KEYS_FILE} holds none`, { param: 'API_KEYS_FILE' })
  return new ApiKeys([...API_KEYS, ...keys])
}

/** Lets nobody into the scope without a key; before anything else is looked at. */
export function guard (scope: FastifyInstance, keys: ApiKeys): void {
  scope.addHook('onRequest', async (request, reply) => {
    try {
      keys.require(request.headers.authorization)
    } catch (error) {
      void reply.header('www-authenticate', 'Bearer')
      throw error
    }
  })
}

function digest (key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
