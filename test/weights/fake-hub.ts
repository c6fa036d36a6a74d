import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export const COMMIT = '0123456789abcdef0123456789abcdef01234567'

export interface Asked { readonly path: string, readonly range: string | undefined, readonly ifRange: string | undefined, readonly authorization: string | undefined }

export interface FakeHub {
  readonly endpoint: string
  /** Every request, in order. */
  readonly asked: Asked[]
  /** Bodies by file name; may be changed between requests. */
  readonly files: Map<string, Buffer>
}

export interface Misbehaviour {
  /** Answers itself and says so with true; or lets the hub answer, to headers it may have changed. */
  readonly before?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean
  /** Changes what the hub would say. */
  readonly headers?: (headers: Record<string, string>, name: string) => Record<string, string | undefined>
  /** How many bytes of the checkpoint are sent before the connection breaks, for the n-th time (from 1) that it is asked for. */
  readonly cutAfter?: (time: number) => number | undefined
  /** Hold what is cut open instead, sending nothing. */
  readonly hang?: boolean
  /** Bodies that never end. */
  readonly endless?: boolean
}

/** A hub as pull knows it: /org/name/resolve/revision/file with ranges, content hashes and the commit. Closed with the test. */
export async function fakeHub (t: Test, files: Record<string, Buffer>, { before, headers: change = headers => headers, cutAfter = () => undefined, hang = false, endless = false }: Misbehaviour = {}): Promise<FakeHub> {
  const asked: Asked[] = []
  const held = new Map(Object.entries(files))
  let times = 0
  const server = createServer((request, response) => {
    asked.push({ path: request.url!, range: request.headers.range, ifRange: request.headers['if-range'] as string | undefined, authorization: request.headers.authorization })
    if (before?.(request, response, asked.length) === true) return
    const { range, 'if-range': ifRange } = request.headers
    const name = request.url!.split('/').at(-1)!
    const body = held.get(name)
    if (body === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound', 'x-repo-commit': COMMIT }).end('not here')
      return
    }
    const etag = `"${name === 'config.json' ? gitHash(body) : sha256(body)}"`
    const start = range === undefined || (ifRange !== undefined && ifRange !== etag) ? 0 : Number(/^bytes=(\d+)-$/.exec(range)![1])
    const said = change({
      'x-repo-commit': COMMIT,
      'x-linked-etag': etag,
      'x-linked-size': String(body.length),
      etag,
      'content-length': String(body.length - start),
      ...start > 0 ? { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` } : {}
    }, name)
    response.writeHead(start > 0 ? 206 : 200, Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as Record<string, string>)
    const cut = name === 'config.json' ? undefined : cutAfter(++times)
    if (endless) {
      const timer = setInterval(() => response.write(body), 5)
      response.on('close', () => clearInterval(timer))
    } else if (cut === undefined) response.end(body.subarray(start))
    else response.write(body.subarray(start, start + cut), () => { if (!hang) response.destroy() })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, files: held }
}

export function sha256 (bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function gitHash (bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
