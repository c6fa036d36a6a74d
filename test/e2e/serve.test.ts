import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, cpSync, writeFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DEFAULT_MODEL, floats, picture } from '../build-test-app.js'

const CLI = join(process.cwd(), 'dist', 'cli.js')
const PHOTOS = join(process.cwd(), '..', 'shared', 'images')

interface Served { process: ChildProcess, url: string, readyMs: number, stderr: () => string }

/** `vovnet-serve serve` as a user starts it; resolves with its ready line's URL. */
async function serve (t: Test, settings: Record<string, string> = {}): Promise<Served> {
  const started = performance.now()
  const child = spawn(process.execPath, [CLI, 'serve'], { env: { ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '0', ...settings } })
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  let errors = ''
  child.stderr.on('data', chunk => { errors += String(chunk) })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      output += String(chunk)
      const ready = /is ready on (\S+) with/.exec(output)
      if (ready !== null) resolve(ready[1]!)
    })
    child.once('exit', code => reject(new Error(`ended with ${code}: ${errors}`)))
  })
  return { process: child, url, readyMs: performance.now() - started, stderr: () => errors }
}

async function photo (): Promise<Buffer> {
  return existsSync(PHOTOS) ? readFileSync(join(PHOTOS, 'Chihuahua.jpg')) : await picture(500, 375)
}

t.test('a photo in, features and embeddings out, SIGTERM ends it with 0', async t => {
  const served = await serve(t)
  // Under 3 s on a machine at rest, see bench/start.ts; beside other work up to twice that was seen.
  let readyMs = served.readyMs
  for (let again = 0; again < 2 && readyMs >= 3000; again++) {
    const other = await serve(t)
    readyMs = Math.min(readyMs, other.readyMs)
    other.process.kill('SIGTERM')
    await once(other.process, 'exit')
  }
  t.ok(readyMs < 10_000, `ready after ${readyMs.toFixed(0)} ms`)
  const body = await photo()
  const headers = { 'content-type': 'image/jpeg' }
  const features = await (await fetch(`${served.url}/v1/features?stages=stage2,stage5`, { method: 'POST', headers, body })).json() as { images: [{ features: Record<string, { data: string }> }] }
  t.match(features.images[0].features, { stage2: { shape: [112, 16, 16] }, stage5: { shape: [512, 2, 2] } })
  t.ok(floats(features.images[0].features['stage5']!.data).some(value => value > 0))
  const embeddings = await (await fetch(`${served.url}/v1/embeddings`, { method: 'POST', headers, body })).json() as { data: [{ embedding: number[] }] }
  t.equal(embeddings.data[0].embedding.length, 512)
  t.equal((await fetch(`${served.url}/health/ready`)).status, 200)

  served.process.kill('SIGTERM')
  const [code, signal] = await once(served.process, 'exit')
  t.strictSame([code, signal], [0, null])
  t.equal(served.stderr(), '')
})

t.test('neighbours by embedding share the class', { skip: existsSync(PHOTOS) ? false : 'the photos are not here' }, async t => {
  const served = await serve(t)
  const names = readdirSync(join(PHOTOS, 'cifar')).filter(name => Number(/-(\d+)/.exec(name)![1]) < 10)
  const vectors: Float32Array[] = []
  for (let start = 0; start < names.length; start += 25) {
    const form = new FormData()
    for (const name of names.slice(start, start + 25)) form.append('image', new Blob([readFileSync(join(PHOTOS, 'cifar', name))]), name)
    const response = await (await fetch(`${served.url}/v1/embeddings?encoding_format=base64`, { method: 'POST', body: form })).json() as { data: Array<{ embedding: string }> }
    vectors.push(...response.data.map(item => floats(item.embedding)))
  }
  const classOf = (name: string): string => name.split('-')[0]!
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
  const right = names.filter((name, index) => {
    const nearest = names.map((other, place) => ({ other, near: place === index ? -1 : dot(vectors[index]!, vectors[place]!) })).sort((a, b) => b.near - a.near)[0]!
    return classOf(nearest.other) === classOf(name)
  })
  // The card says 86 % with 10 neighbours of 10,000; with one of 99 it is less, and chance is 9 %.
  t.ok(right.length / names.length > 0.6, `${right.length} of ${names.length}`)
})

t.test('SIGTERM under load: what is in is answered, exit 0', async t => {
  const served = await serve(t)
  const body = await photo()
  const answers = Array.from({ length: 24 }, async () => await fetch(`${served.url}/v1/embeddings?size=224`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body }))
  while (!/vovnet_image_bytes_count 24/.test(await (await fetch(`${served.url}/metrics`)).text())) await new Promise(resolve => setTimeout(resolve, 2))
  served.process.kill('SIGTERM')
  const statuses = (await Promise.all(answers)).map(answer => answer.status)
  t.strictSame(statuses, Array.from({ length: 24 }, () => 200))
  t.strictSame(await once(served.process, 'exit'), [0, null])
})

t.test('SIGTERM: readiness says 503 first while requests are still taken, then the process ends with 0', async t => {
  const served = await serve(t, { DRAIN_DELAY_MS: '600' })
  served.process.kill('SIGTERM')
  await new Promise(resolve => setTimeout(resolve, 150))
  t.equal((await fetch(`${served.url}/health/ready`)).status, 503)
  t.equal((await fetch(`${served.url}/health/live`)).status, 200)
  t.equal((await fetch(`${served.url}/v1/embeddings`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: await photo() })).status, 200)
  t.strictSame(await once(served.process, 'exit'), [0, null])
})

t.test('SIGHUP takes up a new model, a changed one and a broken one, without a failed request', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  cpSync(DEFAULT_MODEL, join(dir, 'first'), { recursive: true })
  const served = await serve(t, { WEIGHTS_DIR: dir, WATCH_INTERVAL_MS: '0', LOG_LEVEL: 'fatal' })
  const body = await picture(120, 90)
  const shas = async (): Promise<Record<string, string>> => {
    const { data } = await (await fetch(`${served.url}/v1/models`)).json() as { data: Array<{ id: string, sha256: string }> }
    return Object.fromEntries(data.map(({ id, sha256 }) => [id, sha256]))
  }
  const statuses = new Set<number>()
  const stop = new AbortController()
  const load = Promise.all([0, 1, 2].map(async () => {
    while (!stop.signal.aborted) statuses.add((await fetch(`${served.url}/v1/features`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })).status)
  }))
  const until = async (done: (now: Record<string, string>) => boolean): Promise<void> => {
    while (!done(await shas())) await new Promise(resolve => setTimeout(resolve, 20))
  }
  const before = (await shas())['first']

  t.equal((await run(['init', 'V-19-slim-dw-eSE', '--dir', dir, '--name', 'second'])).code, 0)
  served.process.kill('SIGHUP')
  await until(now => 'second' in now)

  const other = join(dir, '.other')
  t.equal((await run(['init', 'V-19-slim-dw-eSE', '--dir', other, '--name', 'first', '--seed', '7'])).code, 0)
  rmSync(join(dir, 'first', 'config.json'))
  cpSync(join(other, 'first'), join(dir, 'first'), { recursive: true })
  served.process.kill('SIGHUP')
  await until(now => now['first'] !== before)

  const changed = await shas()
  const file = join(dir, 'first', 'model.safetensors')
  writeFileSync(file, readFileSync(file).subarray(0, 1000))
  served.process.kill('SIGHUP')
  while (!/vovnet_reloads_total\{outcome="failed"\} 1/.test(await (await fetch(`${served.url}/metrics`)).text())) await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame(await shas(), changed, 'what was served goes on')

  rmSync(join(dir, 'second'), { recursive: true })
  served.process.kill('SIGHUP')
  await until(now => !('second' in now))
  stop.abort()
  await load
  t.strictSame([...statuses], [200], 'no request failed')
})

/** Runs a command that must fail; its exit code and what it said. */
async function run (args: string[], env: Record<string, string> = {}): Promise<{ code: number, stdout: string, stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'silent', ...env } })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => { stdout += String(chunk) })
  child.stderr.on('data', chunk => { stderr += String(chunk) })
  const [code] = await once(child, 'exit')
  return { code, stdout, stderr }
}

t.test('a start that fails says why in one sentence and ends with 1', async t => {
  const folder = (): string => {
    const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    return dir
  }
  const broken = folder()
  cpSync(DEFAULT_MODEL, join(broken, 'short'), { recursive: true })
  const file = join(broken, 'short', 'model.safetensors')
  writeFileSync(file, readFileSync(file).subarray(0, 100_000))
  const cases: Array<[what: string, args: string[], env: Record<string, string>, says: RegExp]> = [
    ['an empty weights folder', ['serve'], { WEIGHTS_DIR: folder() }, /^vovnet-serve: \S+ must hold at least one model, found none;[^\n]+\n$/],
    ['no weights folder', ['serve'], { WEIGHTS_DIR: join(folder(), 'none') }, /^vovnet-serve: [^\n]+\n$/],
    ['a short checkpoint', ['serve'], { WEIGHTS_DIR: broken }, /^vovnet-serve: [^\n]*model\.safetensors[^\n]+\n$/],
    ['an unknown model', ['serve', '--models', 'other'], {}, /^vovnet-serve: MODELS must name models of weights [^\n]+"other"\n$/],
    ['a bad setting', ['serve', '--port', 'http'], {}, /^vovnet-serve: PORT must be a whole number from 0 to 65535, received "http"\n$/],
    ['an unknown command', ['sevre'], {}, /^vovnet-serve: command must be one of serve, /],
    ['an unknown flag', ['serve', '--prot', '1'], {}, /^vovnet-serve: Unknown option '--prot'; see vovnet-serve serve --help\n$/],
    ['an unknown variant', ['init', 'V-1'], { WEIGHTS_DIR: folder() }, /^vovnet-serve: [^\n]*V-19-slim-dw-eSE[^\n]+\n$/]
  ]
  for (const [what, args, env, says] of cases) {
    const { code, stderr } = await run(args, env)
    t.equal(code, 1, what)
    t.match(stderr, says, what)
  }
})

t.test('a taken port is one sentence', async t => {
  const served = await serve(t)
  const { code, stderr } = await run(['serve'], { PORT: new URL(served.url).port })
  t.equal(code, 1)
  t.match(stderr, /^vovnet-serve: PORT [^\n]+in use[^\n]*\n$/)
})

t.test('init writes a model that inspect knows and serve serves, a spec of one\'s own too', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const spec = { stem: [8, 8, 16], stage_conv_ch: [8, 8, 16, 16], stage_out_ch: [16, 24, 32, 40], layer_per_block: 2, block_per_stage: [1, 1, 1, 2], eSE: true, dw: false }
  writeFileSync(join(dir, '..', 'mine.json'), JSON.stringify(spec))
  t.equal((await run(['init', 'V-27-slim', '--dir', dir])).code, 0)
  t.equal((await run(['init', join(dir, '..', 'mine.json'), '--dir', dir, '--name', 'mine'])).code, 0)
  t.equal((await run(['init', 'V-27-slim', '--dir', dir])).code, 1, 'nothing is overwritten')
  const { stdout } = await run(['inspect', join(dir, 'v-27-slim'), '--json'])
  t.match(JSON.parse(stdout), { variant: { name: 'V-27-slim' }, dialect: 'stigma-v1', parameters: { backbone: 3_012_736 } })
  const served = await serve(t, { WEIGHTS_DIR: dir, DEFAULT_MODEL: 'mine' })
  const answer = await (await fetch(`${served.url}/v1/features`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: await picture(300, 200) })).json()
  t.match(answer, { model: 'mine', images: [{ features: { stage5: { shape: [40, 7, 7] } } }] })
})

t.test('every command has a help', async t => {
  for (const args of [['--help'], ['serve', '--help'], ['init', '--help'], ['inspect', '--help']]) {
    const { code, stdout } = await run(args)
    t.equal(code, 0)
    t.match(stdout, /Usage: vovnet-serve /, args.join(' '))
  }
})
