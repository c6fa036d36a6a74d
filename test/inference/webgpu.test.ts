import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { DeviceCheck, WorkerSettings } from '../../src/inference/device.js'
import { largestDifference } from '../../src/inference/golden.js'
import type { InferenceTask, RunResult } from '../../src/inference/task.js'
import { outputsOf } from '../../src/model/shapes.js'
import { TaskThread } from '../../src/threads/task-thread.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { noise } from '../model/run-network.js'

/** SwiftShader, Vulkan in software, of Debian's package chromium; it needs libvulkan1, too. It computes a few seconds an image. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
// Read by the Vulkan loader when the first session is made. Whoever has a driver names it there.
if (process.env['VK_DRIVER_FILES'] === undefined && existsSync(SWIFTSHADER)) process.env['VK_DRIVER_FILES'] = SWIFTSHADER

const model = loadModel(modelAt(DEFAULT_MODEL))
const OUTPUTS = outputsOf(model.network, 'stage5')
const SIDE = 64

async function thread (t: Test, settings: WorkerSettings): Promise<TaskThread<InferenceTask, unknown>> {
  const thread = new TaskThread<InferenceTask, unknown>(new URL('../../src/inference/worker.js', import.meta.url), { name: settings.provider, data: settings })
  t.teardown(async () => await thread.close())
  await thread.ready
  await thread.run({ type: 'load', model: 'default', network: model.network, weights: model.weights })
  return thread
}

async function infer (thread: TaskThread<InferenceTask, unknown>): Promise<Record<string, Float32Array>> {
  const { images: [tensors] } = await thread.run({
    type: 'run', model: 'default', depth: 'stage5', threads: 1, width: SIDE, height: SIDE, paddedTo: 1, images: [{ data: noise(SIDE * SIDE * 3), outputs: OUTPUTS }]
  }) as RunResult
  return Object.fromEntries(Object.entries(tensors!).map(([name, { data }]) => [name, data]))
}

t.test('the whole graph on WebGPU gives what the CPU gives', { timeout: 110_000 }, async t => {
  const gpu = await thread(t, { provider: 'webgpu' })
  let check: DeviceCheck
  try {
    check = await gpu.run({ type: 'check', model: 'default', depth: 'stage5', threads: 1 }) as DeviceCheck
  } catch (error) {
    const { message } = error as Error
    if (!/no driver|does not have it/.test(message)) throw error
    t.pass('no WebGPU here', { skip: `${message}; Debian's chromium and libvulkan1 bring a Vulkan driver in software` })
    return
  }
  t.same(Object.keys(check.nodes!), ['WebGpuExecutionProvider'], 'every node')
  t.ok(check.golden!.difference <= 1e-4, `the check's image: off by ${check.golden!.difference.toExponential(1)}`)
  const received = await infer(gpu)
  const expected = await infer(await thread(t, { provider: 'cpu' }))
  t.same(Object.keys(received).sort(), [...OUTPUTS].sort())
  for (const name of OUTPUTS) {
    const difference = largestDifference({ [name]: received[name]! }, { [name]: expected[name]! })
    t.ok(difference <= 1e-4, `${name}: off by ${difference.toExponential(1)} of its largest value`)
  }
})
