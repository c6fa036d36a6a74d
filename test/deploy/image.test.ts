import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { freePort, startService } from './processes.js'

const dockerfile = readFileSync('Dockerfile', 'utf8')
/** A target's own instructions, without what is said of it. */
const target = (name: string): string => dockerfile.split(new RegExp(`^FROM .* AS ${name}\\n`, 'm'))[1]!.split(/^FROM /m)[0]!
const lines = (text: string): string[] => text.split('\n').filter(line => line !== '' && !line.startsWith('#'))

t.setTimeout(110_000)

t.test('what the Dockerfile copies is there and goes to the builder', async t => {
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(match => match[1]!.split(' '))
  t.ok(copied.length > 6)
  for (const path of copied) {
    t.ok(existsSync(path), path)
    t.ok(ignored.includes(`!${path}`), `${path} is let through by .dockerignore`)
  }
})

t.test('the cpu and the gpu image differ in what they stand on alone', async t => {
  const common = (name: string): string[] => lines(target(name)).filter(line => !/COPY --from=\S*modules|HEALTHCHECK|description=/.test(line))
  const ofGpu = common('gpu').join('\n').replace(/RUN cd [^]*?fi\n(?=ARG)/, '')
  t.strictSame(ofGpu.split('\n'), common('cpu'))
  for (const name of ['cpu', 'gpu']) t.match(target(name), /^USER \d+:\d+$/m, 'an orchestrator can tell that a number is not root')
})

t.test('the health check says what readiness says', async t => {
  const [cpu, gpu] = ['cpu', 'gpu'].map(name => /HEALTHCHECK .*\\\n +CMD (.+)/.exec(target(name))![1]!)
  t.equal(cpu, gpu)
  const [command, ...args] = JSON.parse(cpu!) as string[]
  t.equal(command, 'node')
  const port = await freePort()
  const check = async (): Promise<unknown> => (await once(spawn(process.execPath, args, { env: { ...process.env, PORT: String(port) } }), 'exit'))[0]
  t.equal(await check(), 1, 'nobody there')
  await startService(t, port, { INSTANCES: '1', THREADS_PER_INSTANCE: '1', MAX_BATCH_SIZE: '1' })
  t.equal(await check(), 0, 'ready')
})
