import { workerData } from 'node:worker_threads'
import type { WorkerSettings } from '../../src/inference/device.js'
import type { InferenceTask } from '../../src/inference/task.js'
import { serveTasks } from '../../src/threads/serve-tasks.js'

/** Images a run of device 1 has memory for. */
export const MOST_ON_DEVICE_1 = 4
/** An image that begins with it ends the thread. */
export const EXIT = 255
/** Where the runs of every thread are told. */
export const CHANNEL = 'fake-gpu'

const { deviceId = -1 } = (workerData ?? {}) as Partial<WorkerSettings>

if (workerData !== null) {
  const channel = new BroadcastChannel(CHANNEL)
  await serveTasks<InferenceTask, unknown>(async () => ({
    async run (task) {
      if (task.type !== 'load' && task.type !== 'unload') channel.postMessage({ ...task, deviceId })
      if (task.type === 'check') return { result: { deviceId, nodes: { CUDAExecutionProvider: 3 }, golden: { difference: deviceId / 1000, tolerance: 0.02 } }, transfer: [] }
      if (task.type !== 'run') return { result: undefined, transfer: [] }
      if (task.images.some(({ data }) => data[0] === EXIT)) process.exit(9)
      if (deviceId === 1 && task.paddedTo > MOST_ON_DEVICE_1) throw new Error('CUDA error 2: out of memory')
      const images = task.images.map(({ outputs }) => Object.fromEntries(outputs.map(name => [name, { shape: [1], data: Float32Array.of(deviceId) }])))
      return { result: { images, inferMs: 1 }, transfer: [] }
    },
    async close () {
      channel.close()
    }
  }))
}
