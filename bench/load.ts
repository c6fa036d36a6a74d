/**
 * The service at its two ends: one quiet connection against its parts alone, and ten times what it can do.
 * `node build/bench/load.js [photos folder] [overload seconds]`
 */
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
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

async function times (count: number, once: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken = []
  for (let index = 0; index < count; index++) {
    const started = performance.now()
    await once(index)
    taken.push(performance.now() - started)
  }
  return taken.slice(count >> 3)
}

async function ask (url: string, index: number): Promise<Response> {
  const response = await fetch(`${url}/v1/embeddings?size=${SIZE}&encoding_format=base64`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body: photos[index % photos.length]! })
  await response.arrayBuffer()
  return response
}

/** p50 of preparing one photo, and of one run on the number of threads that is fastest for it. */
async function parts (): Promise<{ decode: number, run: number }> {
  const decoder = new ImageDecoder({ threads: 1, mode: 'exact', maxPixels: 50_000_000, maxInputPixels: 2 ** 22 })
  const geometry = { ...model.preprocess.geometry, width: SIZE, height: SIZE }
  const decode = quantile(await times(120, async index => await decoder.prepare({ bytes: Uint8Array.from(photos[index % photos.length]!), geometry, autoorient: true })), 0.5)
  await decoder.close()
  const thread = new TaskThread<InferenceTask, RunResult>(new URL('../src/inference/worker.js', import.meta.url), { name: 'bare', data: { provider: 'cpu', precision: 'fp32' } })
  await thread.run({ type: 'load', model: 'm', network: model.network, weights: model.weights })
  const image = { data: new Uint8Array(SIZE * SIZE * 3).fill(99), outputs: ['stage5.avg' as const] }
  const runs = []
  for (const threads of [1, availableParallelism()]) {
    runs.push(quantile(await times(120, async () => await thread.run({ type: 'run', model: 'm', depth: 'stage5', threads, width: SIZE, height: SIZE, paddedTo: 1, images: [image] })), 0.5))
  }
  await thread.close()
  return { decode, run: Math.min(...runs) }
}

const service = await startService({ MAX_QUEUE_SIZE: String(LIMIT) })
await times(60, async index => await ask(service.url, index))
const before = await parts()
const quiet = quantile(await times(200, async index => await ask(service.url, index)), 0.5)
const after = await parts()
const sum = (before.decode + before.run + after.decode + after.run) / 2
console.log(`one quiet connection at ${SIZE}: p50 ${quiet.toFixed(1)} ms; decode alone and the fastest bare run, p50: ${sum.toFixed(1)} ms; ratio ${(quiet / sum).toFixed(2)}`)

async function during (seconds: number, clients: number): Promise<Array<{ status: number, ms: number }>> {
  const until = performance.now() + seconds * 1000
  const lanes = Array.from({ length: clients }, async (_, lane) => {
    const answers = []
    for (let index = lane; performance.now() < until; index++) {
      const response = await ask(service.url, index)
      const ms = [...(response.headers.get('server-timing') ?? '').matchAll(/dur=([\d.]+)/g)].reduce((total, match) => total + Number(match[1]), 0)
      answers.push({ status: response.status, ms })
      if (response.status !== 200) await new Promise(resolve => setTimeout(resolve, 500))
    }
    return answers
  })
  return (await Promise.all(lanes)).flat()
}

const peakSeconds = 8
const peak = (await during(peakSeconds, 16)).filter(({ status }) => status === 200).length / peakSeconds
const answers = await during(Number(overloadSeconds), 10 * LIMIT)
const served = answers.filter(({ status }) => status === 200)
const goodput = served.length / Number(overloadSeconds)
const others = answers.filter(({ status }) => status !== 200 && status !== 429).length
console.log(`${10 * LIMIT} clients for ${overloadSeconds} s, MAX_QUEUE_SIZE ${LIMIT}: goodput ${goodput.toFixed(0)}/s, peak with 16 clients ${peak.toFixed(0)}/s, ratio ${(goodput / peak).toFixed(2)}; ` +
  `${answers.length - served.length} refused with 429, ${others} otherwise; in the service p99 ${quantile(served.map(({ ms }) => ms), 0.99).toFixed(0)} ms, a full queue takes ${(LIMIT / goodput * 1000).toFixed(0)} ms`)
await service.stop()
