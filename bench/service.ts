/**
 * Throughput of the service with real photos against its two halves alone, in one run: the bare session loop (as many threads,
 * no queue, no HTTP) and the decoder by itself. `node build/bench/service.js [photos folder] [seconds]`
 */
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import autocannon from 'autocannon'
import { ImageDecoder } from '../src/image/image-decoder.js'
import { modelAt } from '../src/weights/folder.js'
import { loadModel } from '../src/weights/load.js'
import type { BareData } from './bare-worker.js'
import { startService } from './served.js'

const [folder = '../shared/images', seconds = '8'] = process.argv.slice(2)
const duration = Number(seconds)
const photos = readdirSync(folder).filter(name => name.endsWith('.jpg')).map(name => readFileSync(join(folder, name)))
const model = loadModel(modelAt('weights/vovnet19-slim-dw-cifar10'))
const cores = availableParallelism()

async function bare (size: number): Promise<number> {
  const rates = await Promise.all(Array.from({ length: cores }, async () => {
    const data: BareData = { network: model.network, weights: model.weights, size, batch: 1, threads: 1, output: 'stage5.avg', seconds: duration }
    const [rate] = await once(new Worker(new URL('./bare-worker.js', import.meta.url), { workerData: data }), 'message')
    return rate as number
  }))
  return rates.reduce((sum, rate) => sum + rate)
}

async function decode (size: number): Promise<number> {
  const decoder = new ImageDecoder({ threads: cores, mode: 'exact', maxPixels: 50_000_000, maxInputPixels: 50_000_000 })
  await decoder.ready()
  const geometry = { ...model.preprocess.geometry, width: size, height: size }
  let done = 0
  const started = performance.now()
  await Promise.all(Array.from({ length: 16 }, async (_, lane) => {
    for (let index = lane; performance.now() - started < duration * 1000; index++, done++) {
      await decoder.prepare({ bytes: Uint8Array.from(photos[index % photos.length]!), geometry, autoorient: true })
    }
  }))
  const rate = done / ((performance.now() - started) / 1000)
  await decoder.close()
  return rate
}

async function service (size: number): Promise<{ rate: number, p50: number, p99: number, errors: number, gapMs: number }> {
  const { url, stop } = await startService()
  const load = async (seconds: number): Promise<autocannon.Result> => await autocannon({
    url: `${url}/v1/embeddings?size=${size}&encoding_format=base64`,
    connections: 16,
    duration: seconds,
    requests: photos.map(body => ({ method: 'POST' as const, headers: { 'content-type': 'image/jpeg' }, body }))
  })
  await load(2)
  await fetch(`${url}/metrics`) // each scrape starts a new window for the largest gap
  const result = await load(duration)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  await stop()
  const gapMs = Number(/^vovnet_event_loop_lag_seconds (\S+)/m.exec(metrics)![1]) * 1000
  return { rate: result.requests.total / result.duration, p50: result.latency.p50, p99: result.latency.p99, errors: result.non2xx + result.errors, gapMs }
}

for (const size of [64, 224]) {
  const [inferOnly, decodeOnly, served] = [await bare(size), await decode(size), await service(size)]
  // Both share the cores, so their times add up: the best a service can do.
  const ceiling = 1 / (1 / inferOnly + 1 / decodeOnly)
  console.log(`size ${size}: bare session loop ${inferOnly.toFixed(0)}/s, decode alone ${decodeOnly.toFixed(0)}/s, both on the same cores ${ceiling.toFixed(0)}/s; ` +
    `service ${served.rate.toFixed(0)}/s = ${(served.rate / ceiling * 100).toFixed(0)} %, p50 ${served.p50} ms, p99 ${served.p99} ms, not 2xx ${served.errors}, largest event-loop gap ${served.gapMs.toFixed(1)} ms`)
}
