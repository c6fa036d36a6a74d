import type { Depth, OutputName } from '../model/network.js'
import { requireInputSize } from '../model/shapes.js'
import { DEPTH_ORDER, paddedBatch } from './plan.js'
import type { ServedModel } from './served-model.js'
import type { RunTask } from './task.js'

export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * The runs after which nobody waits for a shape's first: it allocates, and on a GPU chooses its kernels, which takes seconds.
 * A CPU runs the usual image on each number of threads; its shallower graphs are built when first asked for. A GPU runs every
 * graph, batch and size that is foreseen.
 * @param threads the numbers of threads this instance runs on
 * @param sizes besides the model's own
 */
export function warmUps ({ key, model, plan }: ServedModel, threads: Iterable<number>, gpu: boolean, sizes: readonly Size[] = []): RunTask[] {
  const run = (depth: Depth, threads: number, { width, height }: Size, batch: number): RunTask => {
    requireInputSize(model.network, depth, height, width)
    const image = { data: new Uint8Array(width * height * 3), outputs: [outputOf(depth)] }
    return { type: 'run', model: key, depth, threads, spins: threads > plan.threadsPerInstance, width, height, paddedTo: batch, images: [image] }
  }
  const { geometry } = model.preprocess
  if (!gpu) return [...new Set(threads)].map(count => run('stage5', count, geometry, 1))
  const depths = DEPTH_ORDER.filter(depth => depth !== 'fpn' || model.network.pyramid !== undefined)
  const batches = Array.from({ length: 1 + Math.log2(paddedBatch(plan.maxBatchSize, true)) }, (_, power) => 2 ** power)
  const all = [geometry, ...sizes.filter(({ width, height }) => width !== geometry.width || height !== geometry.height)]
  return [...new Set(threads)].flatMap(count => depths.flatMap(depth => all.flatMap(size => batches.map(batch => run(depth, count, size, batch)))))
}

/** Little to fetch: every node runs whatever is asked for. */
function outputOf (depth: Depth): OutputName {
  return depth === 'fpn' ? 'p6' : `${depth}.avg`
}
