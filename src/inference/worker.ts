import { workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { ServiceError } from '../errors.js'
import type { Depth, OutputName } from '../model/network.js'
import { INPUT_NAME, writeOnnx } from '../model/onnx.js'
import { serveTasks } from '../threads/serve-tasks.js'
import type { Provider } from './device.js'
import type { InferenceTask, LoadTask, RunImage, RunResult, RunTask, Tensor, Tensors } from './task.js'

export interface WorkerSettings {
  readonly provider: Provider
}

/** A model as one thread holds it: its weights are shared, its sessions are this thread's own, one a depth and width. */
interface LoadedModel {
  readonly source: LoadTask
  readonly sessions: Map<string, ort.InferenceSession>
}

const settings = workerData as WorkerSettings
const models = new Map<string, LoadedModel>()

/** ORT's run() and create() block the thread they are called on, which is why this file runs in a thread of its own. */
async function session (name: string, depth: Depth, threads: number): Promise<ort.InferenceSession> {
  const model = models.get(name)
  if (model === undefined) throw new ServiceError('internal', `model ${name} is not loaded in this thread`)
  const known = model.sessions.get(`${depth} ${threads}`)
  if (known !== undefined) return known
  const { network, weights, graph } = model.source
  const created = await ort.InferenceSession.create(graph ?? writeOnnx(network, weights, depth), {
    executionProviders: [settings.provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // A spinning pool eats the cores of its neighbours: 79 img/s with it, 139 without (2 threads x 2 threads on 2 cores).
    extra: { session: { intra_op: { allow_spinning: '0' } } }
  })
  model.sessions.set(`${depth} ${threads}`, created)
  return created
}

async function run (task: RunTask): Promise<{ result: RunResult, transfer: ArrayBuffer[] }> {
  const prepared = await session(task.model, task.depth, task.threads)
  const input = new ort.Tensor('uint8', batchOf(task), [task.paddedTo, task.height, task.width, 3])
  const wanted = [...new Set(task.images.flatMap(image => image.outputs))]
  const started = performance.now()
  const outputs = await prepared.run({ [INPUT_NAME]: input }, wanted)
  const inferMs = performance.now() - started
  const images = task.images.map((image, index) => tensorsOf(image, index, task.paddedTo, outputs))
  const transfer = images.flatMap(tensors => Object.values(tensors).map(tensor => tensor.data.buffer))
  return { result: { images, inferMs }, transfer: [...new Set(transfer)] }
}

/** uint8 [N, H, W, 3]; a batch of one is used where it lies. */
function batchOf (task: RunTask): Uint8Array {
  const [first] = task.images
  if (first !== undefined && task.paddedTo === 1) return first.data
  const size = task.height * task.width * 3
  const batch = new Uint8Array(size * task.paddedTo)
  task.images.forEach((image, index) => batch.set(image.data, index * size))
  return batch
}

/** One image's share of the outputs; copied out of a batch so that each request owns, and may transfer, its own buffer. */
function tensorsOf (image: RunImage, index: number, batch: number, outputs: ort.InferenceSession.OnnxValueMapType): Tensors {
  const entries = image.outputs.map((name): [OutputName, Tensor] => {
    const whole = outputs[name] as ort.Tensor
    const data = whole.data as Float32Array<ArrayBuffer>
    const size = data.length / batch
    const own = batch === 1 && data.byteLength === data.buffer.byteLength ? data : data.slice(index * size, (index + 1) * size)
    return [name, { shape: whole.dims.slice(1), data: own }]
  })
  return Object.fromEntries(entries)
}

async function unload (name: string): Promise<void> {
  const sessions = [...models.get(name)?.sessions.values() ?? []]
  models.delete(name)
  await Promise.all(sessions.map(async one => await one.release()))
}

await serveTasks<InferenceTask, RunResult | undefined>(async () => ({
  async run (task) {
    if (task.type === 'run') return await run(task)
    if (task.type === 'load') models.set(task.model, { source: task, sessions: new Map() })
    else await unload(task.model)
    return { result: undefined, transfer: [] }
  },
  async close () {
    await Promise.all([...models.keys()].map(unload))
  }
}))
