import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { INPUT_NAME, writeOnnx } from '../src/model/onnx.js'
import type { Network, OutputName } from '../src/model/network.js'
import type { FoldedWeights } from '../src/model/fold.js'

export interface GridData { network: Network, weights: FoldedWeights, size: number, output: OutputName }
export interface GridPoint { threads: number, batch: number, seconds: number }

/**
 * Sessions run in a loop with nothing around them, one batch size and thread count after the other: posts `ready` when a point's
 * session has run twice, and its images a second after being told to go.
 */
const { network, weights, size, output } = workerData as GridData
const sessions = new Map<number, ort.InferenceSession>()

async function sessionOf (threads: number): Promise<ort.InferenceSession> {
  const known = sessions.get(threads)
  if (known !== undefined) return known
  const created = await ort.InferenceSession.create(writeOnnx(network, weights, 'stage5'), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } }
  })
  sessions.set(threads, created)
  return created
}

let go = async (): Promise<void> => {}
parentPort!.on('message', async (message: GridPoint | 'go' | 'end') => {
  if (message === 'go') return await go()
  if (message === 'end') {
    for (const session of sessions.values()) await session.release()
    parentPort!.close()
    return
  }
  const { threads, batch, seconds } = message
  const session = await sessionOf(threads)
  const pixels = Uint8Array.from({ length: batch * size * size * 3 }, (_, index) => index * 2654435761 >>> 24)
  const feeds = { [INPUT_NAME]: new ort.Tensor('uint8', pixels, [batch, size, size, 3]) }
  for (let run = 0; run < 2; run++) await session.run(feeds, [output])
  go = async () => {
    const started = performance.now()
    let runs = 0
    for (; performance.now() - started < seconds * 1000; runs++) await session.run(feeds, [output])
    parentPort!.postMessage(runs * batch / ((performance.now() - started) / 1000))
  }
  parentPort!.postMessage('ready')
})
