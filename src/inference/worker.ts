import { workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { ServiceError } from '../errors.js'
import type { Depth, OutputName } from '../model/network.js'
import { INPUT_NAME, writeOnnx } from '../model/onnx.js'
import { outputsOf } from '../model/shapes.js'
import { serveTasks } from '../threads/serve-tasks.js'
import type { DeviceCheck, WorkerSettings } from './device.js'
import { judgeDevice } from './device-check.js'
import { GOLDEN_SIDE, goldenImage } from './golden.js'
import { openProfileFolder, type PlacedNode } from './node-placement.js'
import { providerError } from './provider-error.js'
import { sessionOptions } from './session-options.js'
import { RUN_BEGUN, type CheckTask, type InferenceTask, type LoadTask, type RunImage, type RunResult, type RunTask, type Tensor, type Tensors } from './task.js'

export type { WorkerSettings } from './device.js'

/** A model as one thread holds it: its weights are shared, its sessions are this thread's own, one a depth and width. */
interface LoadedModel {
  readonly source: LoadTask
  readonly sessions: Map<string, ort.InferenceSession>
}

const settings = workerData as WorkerSettings
const models = new Map<string, LoadedModel>()

function modelNamed (name: string): LoadedModel {
  const model = models.get(name)
  if (model === undefined) throw new ServiceError('internal', `model ${name} is not loaded in this thread`)
  return model
}

interface Threading { readonly threads: number, readonly spins?: boolean | undefined, readonly profile?: string | undefined }

async function session (name: string, depth: Depth, threading: Threading): Promise<ort.InferenceSession> {
  const { source, sessions } = modelNamed(name)
  const key = `${depth} ${threading.threads}`
  const known = sessions.get(key)
  if (known !== undefined) return known
  const created = await openSession(source, depth, threading, settings)
  sessions.set(key, created)
  return created
}

/** ORT's run() and create() block the thread they are called on, which is why this file runs in a thread of its own. */
async function openSession ({ network, weights, graph }: LoadTask, depth: Depth, threading: Threading, device: WorkerSettings): Promise<ort.InferenceSession> {
  const bytes = graph ?? writeOnnx(network, weights, depth, { precision: device.precision ?? 'fp32' })
  return await ort.InferenceSession.create(bytes, sessionOptions(device, network, threading))
}

async function run (task: RunTask): Promise<{ result: RunResult | undefined, transfer: ArrayBuffer[] }> {
  const withdrawn = task.claim !== undefined && Atomics.compareExchange(task.claim, 0, 0, RUN_BEGUN) !== 0
  if (withdrawn) return { result: undefined, transfer: [] }
  const prepared = await session(task.model, task.depth, task)
  const input = new ort.Tensor('uint8', batchOf(task), [task.paddedTo, task.height, task.width, 3])
  const wanted = [...new Set(task.images.flatMap(image => image.outputs))]
  const started = performance.now()
  const outputs = await prepared.run({ [INPUT_NAME]: input }, wanted)
  const inferMs = performance.now() - started
  const images = task.images.map((image, index) => tensorsOf(image, index, task.paddedTo, outputs))
  const transfer = images.flatMap(tensors => Object.values(tensors).map(tensor => tensor.data.buffer))
  return { result: { images, inferMs }, transfer: [...new Set(transfer)] }
}

/** The last batch's, for the next of the same size: fresh memory costs more than what is written to it. */
let batch = new Uint8Array(0)

/** uint8 [N, H, W, 3], good until the next call. */
function batchOf (task: RunTask): Uint8Array {
  const size = task.height * task.width * 3
  for (const { data } of task.images) if (data.length !== size) throw new ServiceError('internal', `an image of ${task.width}x${task.height} has ${size} bytes, received ${data.length}`)
  if (batch.length !== size * task.paddedTo) batch = new Uint8Array(size * task.paddedTo)
  else batch.fill(0, size * task.images.length)
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

/** @throws ServiceError provider_unavailable where the device cannot run the model, runs it elsewhere or computes something else */
async function check (task: CheckTask): Promise<DeviceCheck> {
  const { provider, precision = 'fp32' } = settings
  try {
    if (!ort.listSupportedBackends().some(({ name }) => name === provider)) throw new Error(`${provider} backend not found`)
    const { outputs, nodes } = await profiledRun(task)
    const reference = provider === 'cpu' && precision === 'fp32' ? undefined : await referenceRun(task)
    return judgeDevice(settings, { nodes, outputs, reference })
  } catch (error) {
    throw providerError(settings, error)
  }
}

/** The session is the one that requests will use: its profiling ends with this run. */
async function profiledRun ({ model, depth, threads }: CheckTask): Promise<{ outputs: Record<string, Float32Array>, nodes: PlacedNode[] | undefined }> {
  const folder = openProfileFolder()
  try {
    const profiled = await session(model, depth, { threads, profile: folder?.prefix })
    const outputs = await goldenRun(profiled, model, depth)
    if (folder !== undefined) profiled.endProfiling()
    return { outputs, nodes: folder?.nodes() }
  } finally {
    folder?.remove()
  }
}

async function referenceRun ({ model, depth, threads }: CheckTask): Promise<Record<string, Float32Array>> {
  const reference = await openSession(modelNamed(model).source, depth, { threads }, { provider: 'cpu' })
  try {
    return await goldenRun(reference, model, depth)
  } finally {
    await reference.release()
  }
}

async function goldenRun (on: ort.InferenceSession, model: string, depth: Depth): Promise<Record<string, Float32Array>> {
  const outputs = await on.run({ [INPUT_NAME]: new ort.Tensor('uint8', goldenImage(), [1, GOLDEN_SIDE, GOLDEN_SIDE, 3]) }, outputsOf(modelNamed(model).source.network, depth))
  return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.data as Float32Array]))
}

async function unload (name: string): Promise<void> {
  const sessions = [...models.get(name)?.sessions.values() ?? []]
  models.delete(name)
  await Promise.all(sessions.map(async one => await one.release()))
}

await serveTasks<InferenceTask, RunResult | DeviceCheck | undefined>(async () => ({
  async run (task) {
    if (task.type === 'run') return await run(task)
    if (task.type === 'check') return { result: await check(task), transfer: [] }
    if (task.type === 'load') models.set(task.model, { source: task, sessions: new Map() })
    else await unload(task.model)
    return { result: undefined, transfer: [] }
  },
  async close () {
    await Promise.all([...models.keys()].map(unload))
  }
}))
