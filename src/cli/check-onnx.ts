import { ServiceError } from '../errors.js'
import { CPU } from '../inference/device.js'
import type { InferenceTask, RunImage, RunResult } from '../inference/task.js'
import type { WorkerSettings } from '../inference/worker.js'
import { TaskThread } from '../threads/task-thread.js'
import type { ExportPlan } from '../weights/export.js'
import type { LoadedModel } from '../weights/load.js'

/** What two images through both graphs gave: the greatest difference of any value, and the widest spread of an output's values. */
export interface OnnxCheck {
  readonly difference: number
  readonly spread: number
}

/** Over the smallest input of every variant, with sides that no stride divides, so that rounding and padding are seen. */
const HEIGHT = 161
const WIDTH = 225
/** Of the spread: what PyTorch and the service are allowed, too. */
const TOLERANCE = 1e-4

/**
 * Runs an exported graph and the one the service runs, over the same two images, and compares all outputs.
 * @throws ServiceError internal when an output differs by more than TOLERANCE of its spread, or the graph does not run
 */
export async function checkOnnx (model: LoadedModel, { depth, outputs }: ExportPlan, graph: Uint8Array<ArrayBuffer>): Promise<OnnxCheck> {
  const data: WorkerSettings = CPU
  const thread = new TaskThread<InferenceTask, RunResult>(new URL('../inference/worker.js', import.meta.url), { name: 'export-check', data })
  const run = async (name: string): Promise<RunResult['images']> => {
    const images = [1, 2].map((seed): RunImage => ({ data: noise(HEIGHT * WIDTH * 3, seed), outputs }))
    return (await thread.run({ type: 'run', model: name, depth, threads: 1, paddedTo: images.length, height: HEIGHT, width: WIDTH, images })).images
  }
  try {
    await thread.ready
    const { network, weights } = model
    await thread.run({ type: 'load', model: 'service', network, weights })
    await thread.run({ type: 'load', model: 'exported', network, weights, graph }, [graph.buffer])
    return compare(await run('service'), await run('exported'), outputs)
  } finally {
    await thread.close()
  }
}

function compare (service: RunResult['images'], exported: RunResult['images'], outputs: ExportPlan['outputs']): OnnxCheck {
  const checks = outputs.map(output => {
    const check = compareOutput(service.map(image => image[output]!.data), exported.map(image => image[output]!.data))
    // A NaN is no difference within any tolerance.
    if (check.difference <= TOLERANCE * check.spread) return check
    throw new ServiceError('internal', `the exported graph's ${output} must equal the service's within ${TOLERANCE} of its spread of ${check.spread}, received a difference of ${check.difference}`)
  })
  return { difference: Math.max(...checks.map(check => check.difference)), spread: Math.max(...checks.map(check => check.spread)) }
}

function compareOutput (service: Float32Array[], exported: Float32Array[]): OnnxCheck {
  let difference = 0
  let least = Infinity
  let most = -Infinity
  service.forEach((values, image) => {
    const others = exported[image]!
    values.forEach((value, index) => {
      least = Math.min(least, value)
      most = Math.max(most, value)
      difference = Math.max(difference, Math.abs(value - others[index]!))
    })
  })
  return { difference, spread: most - least }
}

/** Bytes without a pattern. */
function noise (length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (state * 48271) % 2147483647
    return state & 255
  })
}
