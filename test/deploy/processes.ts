import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { tmpdir } from 'node:os'
import type { Test } from 'tap'

/** Where a program lies, or undefined where this machine has none. Debian keeps servers out of a user's PATH. */
export function program (name: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map(folder => join(folder, name)).find(path => existsSync(path))
}

/** For tap's `skip`: false where all programs are there, else what is missing, said aloud. */
export function missing (...names: string[]): false | string {
  const absent = names.filter(name => program(name) === undefined)
  return absent.length === 0 ? false : `${absent.join(' and ')} not installed on this machine`
}

/** Runs a program to its end; what it says on both streams comes in the order it said it. */
export function runProgram (name: string, args: readonly string[]): { code: number | null, output: string } {
  const { status, stdout } = spawnSync('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', program(name)!, ...args], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  return { code: status, output: stdout }
}

/** A folder that goes with the test. */
export function scratch (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'vovnet-deploy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a program that lives as long as the test; what it said is at hand when it dies early. */
export function start (t: Test, path: string, args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess, said: () => string } {
  const child = spawn(path, args, { env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += String(chunk) })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, said: () => output }
}

/** `vovnet-serve serve` on a port of 127.0.0.1, ready. */
export async function startService (t: Test, port: number, settings: Record<string, string> = {}): Promise<ChildProcess> {
  const { child, said } = start(t, process.execPath, [join('dist', 'cli.js'), 'serve'], { HOST: '127.0.0.1', LOG_LEVEL: 'error', ...settings, PORT: String(port) })
  await answers(`http://127.0.0.1:${port}/health/ready`, () => child.exitCode === null ? undefined : said())
  return child
}

/** Resolves when the address answers 200. */
export async function answers (url: string, ended: () => string | undefined, limitMs = 30_000): Promise<void> {
  for (const started = performance.now(); performance.now() - started < limitMs;) {
    const said = ended()
    if (said !== undefined) throw new Error(`the process behind ${url} ended: ${said}`)
    if ((await fetch(url).catch(() => undefined))?.ok === true) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`${url} did not answer 200 within ${limitMs} ms`)
}
