import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { INPUT_NAME, writeOnnx } from '../src/model/onnx.js'
import type { Network, OutputName } from '../src/model/network.js'
import type { FoldedWeights } from '../src/model/fold.js'

export interface BareData { network: Network, weights: FoldedWeights, size: number, batch: number, threads: number, output: OutputName, seconds: number }

/** One session run in a loop with nothing around it: what the service is held against. Posts the images it did a second. */
const { network, weights, size, batch, threads, output, seconds } = workerData as BareData
const session = await ort.InferenceSession.create(writeOnnx(network, weights, 'stage5'), {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: '0' } } }
})
const pixels = Uint8Array.from({ length: batch * size * size * 3 }, (_, index) => index * 2654435761 >>> 24)
const feeds = { [INPUT_NAME]: new ort.Tensor('uint8', pixels, [batch, size, size, 3]) }
for (let run = 0; run < 3; run++) await session.run(feeds, [output])
const started = performance.now()
let runs = 0
for (; performance.now() - started < seconds * 1000; runs++) await session.run(feeds, [output])
parentPort!.postMessage(runs * batch / ((performance.now() - started) / 1000))
await session.release()
