import { ServiceError } from '../errors.js'

export interface Hub {
  /** Without a slash at its end, e.g. https://huggingface.co */
  readonly endpoint: string
  /** Empty without one. Sent to the endpoint alone, and never part of a message. */
  readonly token: string
}

export interface HubFile {
  /** `org/name` */
  readonly repository: string
  /** A branch, a tag or a commit. */
  readonly revision: string
  readonly name: string
}

/** The part of a file that is on its way. */
export interface HubAnswer {
  readonly body: AsyncIterable<Uint8Array>
  /** Bytes of the file before the first one of `body`. */
  readonly start: number
  /** Bytes of the whole file; undefined when the hub does not say. */
  readonly size: number | undefined
  /** What the hub calls the content, hex: the sha256 of a large file (64 digits), git's blob hash of a small one (40). */
  readonly hash: string | undefined
  /** Of the server the bytes come from; undefined for a weak one, which does not vouch for bytes. */
  readonly etag: string | undefined
  /** The commit the revision stands for now. */
  readonly commit: string | undefined
}

/** What is there already of a file: its first `start` bytes, and what the answer they came with said. */
export interface Rest extends Pick<HubAnswer, 'hash' | 'etag' | 'size'> {
  readonly start: number
}

const MOST_REDIRECTS = 5

/**
 * Asks a hub for a file, or for the rest of one; when the file is another by now, or cannot be had in parts, all of it comes. Redirects are followed by hand: what the hub says about the content stands on its own
 * answer, and the token must not reach the store it sends us to.
 * @throws ServiceError hub_unauthorized (401, 403), hub_not_found (404; `param` is the file's name, `repository` or `revision`),
 * hub_corrupt for an answer that makes no sense, hub_unavailable for all that may be better later
 */
export async function openHubFile (hub: Hub, file: HubFile, rest: Rest | undefined, signal: AbortSignal): Promise<HubAnswer> {
  const { repository, revision, name } = file
  const home = new URL(hub.endpoint).host
  let url = new URL(`${hub.endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${name}`)
  const said: HubWords = {}
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const atHome = url.host === home
    const response = await send(url, headersFor(atHome ? hub.token : '', rest), signal)
    if (atHome) listen(said, response.headers)
    const answer = response.status === 200 || response.status === 206 ? answerOf(response, said, name) : undefined
    if (answer !== undefined && continues(answer, rest)) return answer
    await response.body?.cancel()
    if (rest !== undefined && (answer !== undefined || response.status === 416)) return await openHubFile(hub, file, undefined, signal)
    if (answer !== undefined) throw new ServiceError('hub_corrupt', `${url.host} answered a part of ${name} where all of it was asked for`, { param: name })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) throw refusal(hub, file, response)
    url = nextHop(url, location)
  }
  throw new ServiceError('hub_unavailable', `${hub.endpoint} redirected more than ${MOST_REDIRECTS} times for ${name}`)
}

/** What the hub itself says about a file, on whichever of its answers; the store behind it may call the content what it likes. */
type HubWords = Partial<Record<'linkedTag' | 'tag' | 'commit', string | undefined>> & { size?: number | undefined }

function listen (said: HubWords, headers: Headers): void {
  said.linkedTag ??= headers.get('x-linked-etag') ?? undefined
  said.tag ??= headers.get('etag') ?? undefined
  said.size ??= number(headers.get('x-linked-size'))
  said.commit ??= /^[0-9a-f]{40}$/.exec(headers.get('x-repo-commit') ?? '')?.[0]
}

async function send (url: URL, headers: Headers, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, redirect: 'manual', signal })
  } catch (error) {
    throw unavailable(url.host, error, signal)
  }
}

/** fetch says `fetch failed` and hides what failed in the cause. */
export function unavailable (host: string, error: unknown, signal: AbortSignal): ServiceError {
  if (signal.aborted && signal.reason instanceof ServiceError) return signal.reason
  const { message, cause } = error as Error & { cause?: { message?: string, code?: string } }
  return new ServiceError('hub_unavailable', `no answer from ${host}: ${cause?.message ?? message}`, { cause: error })
}

function headersFor (token: string, rest: Rest | undefined): Headers {
  // A compressed body would have a length, and ranges, of its own.
  const headers = new Headers({ 'accept-encoding': 'identity', 'user-agent': 'vovnet-serve' })
  if (token !== '') headers.set('authorization', `Bearer ${token}`)
  if (rest !== undefined) {
    headers.set('range', `bytes=${rest.start}-`)
    if (rest.etag !== undefined) headers.set('if-range', rest.etag)
  }
  return headers
}

/** Where a redirect leads. @throws ServiceError hub_unavailable for what is not http or https, or less safe than where it came from */
export function nextHop (from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  // https may not lead to http: what comes from there could be anybody's.
  if (to === undefined || !(to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'))) {
    throw new ServiceError('hub_unavailable', `${from.host} redirected to ${to === undefined ? 'no address' : `${to.protocol}//${to.host}`}, expected ${from.protocol.slice(0, -1)}`)
  }
  return to
}

function answerOf ({ status, headers, body }: Response, said: HubWords, name: string): HubAnswer {
  const [, start, total] = status === 206 ? /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [] : []
  const length = status === 200 && headers.get('content-encoding') === null ? headers.get('content-length') : total
  const size = number(length)
  if (said.size !== undefined && size !== undefined && said.size !== size) {
    throw new ServiceError('hub_corrupt', `${name} must have ${said.size} bytes as x-linked-size says, received an answer of ${size}`, { param: name })
  }
  const etag = headers.get('etag')
  return {
    body: body ?? (async function * () {})(),
    start: status === 206 ? Number(start) : 0,
    size: said.size ?? size,
    hash: contentHash(said.linkedTag ?? said.tag ?? ''),
    etag: etag?.startsWith('"') === true ? etag : undefined,
    commit: said.commit
  }
}

/** Whether an answer brings what is missing, or everything. */
function continues (answer: HubAnswer, rest: Rest | undefined): boolean {
  if (answer.start === 0) return true
  if (rest === undefined || answer.start !== rest.start || answer.size !== rest.size) return false
  return answer.hash === undefined || rest.hash === undefined ? answer.etag !== undefined && answer.etag === rest.etag : answer.hash === rest.hash
}

function number (digits: string | null | undefined): number | undefined {
  return digits === undefined || digits === null || !/^\d+$/.test(digits) ? undefined : Number(digits)
}

function contentHash (etag: string): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?$/.exec(etag)?.[1]
}

function refusal (hub: Hub, { repository, revision, name }: HubFile, { status, headers }: Response): ServiceError {
  const where = `${hub.endpoint}/${repository}`
  const reason = headers.get('x-error-code')
  if (status === 401) {
    return new ServiceError('hub_unauthorized', hub.token === ''
      ? `${where} answered 401: there is no such repository, or it is private or gated and needs HF_TOKEN`
      : `${where} answered 401: HF_TOKEN is not valid there, or there is no such repository`, { param: 'HF_TOKEN' })
  }
  if (status === 403) {
    return new ServiceError('hub_unauthorized', `${where} answered 403: ${hub.token === '' ? 'it needs HF_TOKEN' : 'HF_TOKEN may not read it'}${reason === 'GatedRepo' ? '; its terms are to be accepted on that page' : ''}`, { param: 'HF_TOKEN' })
  }
  if (status === 404) {
    if (reason === 'RepoNotFound') return new ServiceError('hub_not_found', `${where} does not exist`, { param: 'repository' })
    if (reason === 'RevisionNotFound') return new ServiceError('hub_not_found', `${where} has no revision ${revision}`, { param: 'revision' })
    return new ServiceError('hub_not_found', `${where} has no ${name} at revision ${revision}, or there is no such repository`, { param: name })
  }
  const seconds = number(headers.get('retry-after'))
  return new ServiceError('hub_unavailable', `${where} answered ${status} for ${name}`, { retryAfter: seconds })
}
