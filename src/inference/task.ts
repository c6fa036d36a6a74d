import type { Depth, Network, OutputName } from '../model/network.js'
import type { FoldedWeights } from '../model/fold.js'
import type { DeviceCheck } from './device.js'

/** What an inference thread is asked to do. Everything in it crosses a thread: plain data and buffers. */
export type InferenceTask = LoadTask | UnloadTask | CheckTask | RunTask

/** What a thread answers to it. */
export type ResultOf<Task extends InferenceTask> = Task extends RunTask ? RunResult | undefined : Task extends CheckTask ? DeviceCheck : undefined

export interface LoadTask {
  readonly type: 'load'
  readonly model: string
  readonly network: Network
  /** Shared with every other thread; a prefix graph is written from it when first asked for. */
  readonly weights: FoldedWeights
  /** ONNX bytes to run in place of what would be written from the weights: how an exported file is checked. */
  readonly graph?: Uint8Array
}

export interface UnloadTask {
  readonly type: 'unload'
  readonly model: string
}

/**
 * One image through the graph, profiled: the provider really used, and what it computes against float32 on the CPU. To be asked
 * for before any run, of a session that then stays.
 */
export interface CheckTask {
  readonly type: 'check'
  readonly model: string
  readonly depth: Depth
  readonly threads: number
}

export interface RunTask {
  readonly type: 'run'
  readonly model: string
  readonly depth: Depth
  /** Cores the run may use. */
  readonly threads: number
  /** Whether its threads may spin while they wait for each other; a session keeps what its first run says. */
  readonly spins?: boolean
  /** Images to compute; those beyond `images` are empty. */
  readonly paddedTo: number
  readonly width: number
  readonly height: number
  readonly images: readonly RunImage[]
  /** One integer shared with who asked: the thread sets it to RUN_BEGUN before it computes, the other side to RUN_WITHDRAWN to have it left undone. */
  readonly claim?: Int32Array
}

export const RUN_BEGUN = 1
export const RUN_WITHDRAWN = 2

export interface RunImage {
  /** uint8 RGB [height, width, 3] */
  readonly data: Uint8Array
  readonly outputs: readonly OutputName[]
}

/** One image's output, float32, row-major, without the batch dimension. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array<ArrayBuffer>
}

export type Tensors = Partial<Record<OutputName, Tensor>>

/** The answer to a RunTask that was not withdrawn: a Tensors per image, in order, and the milliseconds the run took (session building excluded). */
export interface RunResult {
  readonly images: readonly Tensors[]
  readonly inferMs: number
}
