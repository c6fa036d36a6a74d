/**
 * The service at its two ends: one quiet connection against its parts alone, and ten times what it can do.
 * `node build/bench/load.js [photos folder] [overload seconds]`
 */
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Pool, type Dispatcher } from 'undici'
import { ImageDecoder } from '../src/image/image-decoder.js'
import { TaskThread } from '../src/threads/task-thread.js'
import type { InferenceTask, RunResult } from '../src/inference/task.js'
import { modelAt } from '../src/weights/folder.js'
import { loadModel } from '../src/weights/load.js'
import { startService } from './served.js'

const [folder = '../shared/images', overloadSeconds = '30'] = process.argv.slice(2)
const photos = readdirSync(folder).filter(name => name.endsWith('.jpg')).map(name => readFileSync(join(folder, name)))
const model = loadModel(modelAt('weights/vovnet19-slim-dw-cifar10'))
const SIZE = 224
const LIMIT = 64
const quantile = (values: number[], part: number): number => [...values].sort((a, b) => a - b)[Math.floor(values.length * part)]!

const service = await startService({ MAX_QUEUE_SIZE: String(LIMIT) })
const client = new Client(service.url)

async function ask (from: Dispatcher, index: number): Promise<{ status: number, timing: string, retryMs: number }> {
  const { statusCode, headers, body } = await from.request({ path: `/v1/embeddings?size=${SIZE}&encoding_format=base64`, method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: photos[index % photos.length]! })
  await body.dump()
  return { status: statusCode, timing: String(headers['server-timing'] ?? ''), retryMs: Number(headers['retry-after'] ?? 0) * 1000 }
}

/** A photo prepared and run once, with nothing but two threads around it. */
async function bareParts (): Promise<{ once: (threads: number, index: number) => Promise<void>, close: () => Promise<void> }> {
  const decoder = new ImageDecoder({ threads: 1, mode: 'exact', maxPixels: 50_000_000, maxInputPixels: 2 ** 22 })
  const geometry = { ...model.preprocess.geometry, width: SIZE, height: SIZE }
  const thread = new TaskThread<InferenceTask, RunResult>(new URL('../src/inference/worker.js', import.meta.url), { name: 'bare', data: { provider: 'cpu', precision: 'fp32' } })
  await thread.run({ type: 'load', model: 'm', network: model.network, weights: model.weights })
  return {
    once: async (threads, index) => {
      const { data } = await decoder.prepare({ bytes: Uint8Array.from(photos[index % photos.length]!), geometry, autoorient: true })
      const images = [{ data, outputs: ['stage5.avg' as const] }]
      await thread.run({ type: 'run', model: 'm', depth: 'stage5', threads, spins: threads > 1, width: SIZE, height: SIZE, paddedTo: 1, images })
    },
    close: async () => { await Promise.all([decoder.close(), thread.close()]) }
  }
}

const time = async (once: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await once()
  return performance.now() - started
}

// In turns, so that whatever slows the machine slows all of them.
const bare = await bareParts()
const taken = { service: [] as number[], one: [] as number[], all: [] as number[], refused: [] as number[] }
const QUIET_ROUNDS = 300
for (let index = 0; index < QUIET_ROUNDS; index++) {
  const service = await time(async () => await ask(client, index))
  const refused = await time(async () => await (await client.request({ path: '/v1/embeddings?model=none', method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: photos[index % photos.length]! })).body.dump())
  const one = await time(async () => await bare.once(1, index))
  const all = await time(async () => await bare.once(availableParallelism(), index))
  if (index < QUIET_ROUNDS / 5) continue
  for (const [name, ms] of Object.entries({ service, one, all, refused })) taken[name as keyof typeof taken].push(ms)
}
await bare.close()
const [quiet, http, parts] = [quantile(taken.service, 0.5), quantile(taken.refused, 0.5), Math.min(quantile(taken.one, 0.5), quantile(taken.all, 0.5))]
console.log(`one quiet connection at ${SIZE}: p50 ${quiet.toFixed(1)} ms; decode and the fastest bare run, p50: ${parts.toFixed(1)} ms; ratio ${(quiet / parts).toFixed(2)}; ` +
  `HTTP alone (the same body, an unknown model): ${http.toFixed(1)} ms; ratio without it ${((quiet - http) / parts).toFixed(2)}`)

async function during (seconds: number, clients: number): Promise<Array<{ status: number, ms: number }>> {
  const pool = new Pool(service.url, { connections: clients })
  const until = performance.now() + seconds * 1000
  const lanes = Array.from({ length: clients }, async (_, lane) => {
    const answers = []
    for (let index = lane; performance.now() < until; index++) {
      const { status, timing, retryMs } = await ask(pool, index)
      const ms = [...timing.matchAll(/dur=([\d.]+)/g)].reduce((total, match) => total + Number(match[1]), 0)
      answers.push({ status, ms })
      await sleep(retryMs * (0.5 + Math.random())) // as they are told, a little apart
    }
    return answers
  })
  const all = (await Promise.all(lanes)).flat()
  await pool.close()
  return all
}

const cores = availableParallelism()
let usage = process.cpuUsage()
/** Cores this process used since it was last asked: so many fewer were the service's. */
function clientCores (seconds: number): number {
  const { user, system } = process.cpuUsage(usage)
  usage = process.cpuUsage()
  return (user + system) / 1e6 / seconds
}

const peakSeconds = 8
clientCores(1)
const peak = (await during(peakSeconds, 16)).filter(({ status }) => status === 200).length / peakSeconds
const atPeak = clientCores(peakSeconds)
const answers = await during(Number(overloadSeconds), 10 * LIMIT)
const atOverload = clientCores(Number(overloadSeconds))
const served = answers.filter(({ status }) => status === 200)
const goodput = served.length / Number(overloadSeconds)
const others = answers.filter(({ status }) => status !== 200 && status !== 429).length
console.log(`${10 * LIMIT} clients for ${overloadSeconds} s that come again when Retry-After says, ${(answers.length / Number(overloadSeconds) / peak).toFixed(1)} times the peak, MAX_QUEUE_SIZE ${LIMIT}: goodput ${goodput.toFixed(0)}/s, peak with 16 clients ${peak.toFixed(0)}/s, ratio ${(goodput / peak).toFixed(2)}; ` +
  `this process took ${atPeak.toFixed(2)} of ${cores} cores at the peak and ${atOverload.toFixed(2)} in the overload: by the cores left to the service ${(goodput / (cores - atOverload) / (peak / (cores - atPeak))).toFixed(2)}; ` +
  `${answers.length - served.length} refused with 429, ${others} otherwise; in the service p99 ${quantile(served.map(({ ms }) => ms), 0.99).toFixed(0)} ms, a full queue takes ${(LIMIT / goodput * 1000).toFixed(0)} ms`)
await client.close()
await service.stop()
