import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { ServiceError } from '../errors.js'
import { hashFile, hashGitBlob } from './file-hash.js'
import { openHubFile, unavailable, type Hub, type HubAnswer, type HubFile, type Rest } from './pull-request.js'
import { weightsError } from './weights-error.js'

/** Told of every chunk that was written. */
export type OnProgress = (progress: { readonly file: string, readonly done: number, readonly total: number | undefined }) => void

export interface PullFileOptions {
  readonly onProgress?: OnProgress
  /** The pause after the first failure, doubled after each further one; milliseconds. */
  readonly retryMs?: number
  /** A connection that brings nothing for so long is given up; milliseconds. */
  readonly stallMs?: number
}

export interface PulledFile {
  readonly size: number
  /** What was compared with what the hub said; undefined when it said nothing that can be. */
  readonly checked: 'sha256' | 'git hash' | undefined
  readonly commit: string | undefined
}

/** Failures in a row before it is given up; a try that brings PROGRESS bytes starts the count again. */
const TRIES = 5
const PROGRESS = 1 << 20
const LONGEST_PAUSE_MS = 60_000

/**
 * Brings one file of a hub to `target`, by way of `<target>.partial`, which a later call goes on with when this one breaks off.
 * What arrives is compared with the length and the hash that the hub gives.
 * @throws ServiceError hub_unavailable after TRIES failures in a row; hub_corrupt when length or hash are not what the hub said, and
 * nothing is kept then; hub_unauthorized, hub_not_found; weights_folder when it cannot be written
 */
export async function pullFile (hub: Hub, file: HubFile, target: string, options: PullFileOptions = {}): Promise<PulledFile> {
  const pause = options.retryMs ?? 500
  for (let failures = 0; ;) {
    const before = sizeOf(`${target}.partial`)
    try {
      return await attempt(hub, file, target, options)
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'hub_unavailable') throw error
      failures = sizeOf(`${target}.partial`) - before >= PROGRESS ? 1 : failures + 1
      if (failures === TRIES) throw givenUp(error, target)
      await delay(Math.min(LONGEST_PAUSE_MS, Math.max(pause * 2 ** (failures - 1), (error.retryAfter ?? 0) * 1000)))
    }
  }
}

function givenUp (error: ServiceError, target: string): ServiceError {
  const kept = sizeOf(`${target}.partial`)
  return new ServiceError('hub_unavailable', `${error.message}; gave up after ${TRIES} tries${kept === 0 ? '' : `, the ${kept} bytes that came are kept and the same command goes on from there`}`, { cause: error })
}

async function attempt (hub: Hub, file: HubFile, target: string, { onProgress = () => {}, stallMs = 30_000 }: PullFileOptions): Promise<PulledFile> {
  const partial = `${target}.partial`
  const stall = new StallTimer(stallMs, hub)
  try {
    const answer = await openHubFile(hub, file, readBegun(target), stall.signal)
    const { hash, etag, size, commit } = answer
    writeFileSync(begunFile(target), JSON.stringify({ hash, etag, size }))
    await store(stall.watch(answer.body), partial, answer, done => onProgress({ file: file.name, done, total: size }))
    const checked = verify(hub, file, target, answer)
    await rename(partial, target)
    rmSync(begunFile(target), { force: true })
    return { size: sizeOf(target), checked, commit }
  } catch (error) {
    if (error instanceof ServiceError) throw error
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw weightsError(target, `cannot be written: ${(error as Error).message}`, error)
    throw unavailable(new URL(hub.endpoint).host, error, stall.signal)
  } finally {
    stall.stop()
  }
}

async function store (body: AsyncIterable<Uint8Array>, partial: string, { start, size }: HubAnswer, onDone: (done: number) => void): Promise<void> {
  const output = await open(partial, start === 0 ? 'w' : 'r+')
  try {
    let done = start
    onDone(done)
    for await (const chunk of body) {
      await output.write(chunk, 0, chunk.length, done)
      done += chunk.length
      onDone(done)
      if (done > (size ?? Infinity)) break // an endless answer must not fill the disk
    }
    await output.sync()
  } finally {
    await output.close()
  }
}

/**
 * @throws ServiceError hub_unavailable when a part is still missing; hub_corrupt with nothing kept, or hub_unavailable when an earlier
 * part may be what is wrong, so that all is brought anew
 */
function verify (hub: Hub, { repository, name }: HubFile, target: string, { start, size, hash }: HubAnswer): PulledFile['checked'] {
  const partial = `${target}.partial`
  const received = sizeOf(partial)
  if (received < (size ?? 0)) throw new ServiceError('hub_unavailable', `${hub.endpoint} ended ${name} after ${received} of ${size} bytes`)
  const differs = (what: string, expected: string | number, was: string | number): ServiceError => {
    rmSync(partial, { force: true })
    rmSync(begunFile(target), { force: true })
    return new ServiceError(start > 0 ? 'hub_unavailable' : 'hub_corrupt', `${hub.endpoint}/${repository}: ${name} must have ${what} ${expected}, received ${was}`, { param: name })
  }
  if (size !== undefined && received !== size) throw differs('the length', size, received)
  if (hash === undefined) return undefined
  const computed = hash.length === 64 ? hashFile(partial) : hashGitBlob(partial, received)
  if (computed !== hash) throw differs(hash.length === 64 ? 'the sha256' : 'the git hash', hash, computed)
  return hash.length === 64 ? 'sha256' : 'git hash'
}

/** What an answer said about a file that is not there yet in full. */
const begunFile = (target: string): string => `${target}.partial.json`

function readBegun (target: string): Rest | undefined {
  try {
    const { hash, etag, size } = JSON.parse(readFileSync(begunFile(target), 'utf8')) as Rest
    // When all of it is there the last byte is asked for again: a range has to hold something.
    const start = Math.min(sizeOf(`${target}.partial`), (size ?? Infinity) - 1)
    return start > 0 && (hash ?? etag) !== undefined ? { start, hash, etag, size } : undefined
  } catch {
    return undefined // nothing was begun, or nothing that can be gone on with
  }
}

function sizeOf (file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** Ends a request that brings nothing for too long. */
class StallTimer {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor (ms: number, { endpoint }: Hub) {
    this.#timer = setTimeout(() => this.#controller.abort(new ServiceError('hub_unavailable', `${endpoint} sent nothing for ${ms} ms`)), ms)
  }

  get signal (): AbortSignal {
    return this.#controller.signal
  }

  async * watch (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.#timer.refresh()
      yield chunk
    }
  }

  stop (): void {
    clearTimeout(this.#timer)
  }
}
