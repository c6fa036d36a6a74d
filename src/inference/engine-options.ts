import type { Context } from '@opentelemetry/api'
import type { Depth } from '../model/network.js'
import type { EngineDevice } from './device.js'
import type { Size } from './warm-up.js'

export interface EngineOptions {
  readonly settings: EngineDevice
  /** Threads that hold sessions. */
  readonly instances: number
  readonly maxQueueDelayMs: number
  /** A run longer than this has hung: its thread is lost and the process must be replaced. */
  readonly runLimitMs: number
  /** Batches are padded to powers of two. */
  readonly padsBatches: boolean
  /** Sizes besides each model's own that a GPU runs before it is ready. */
  readonly warmSizes?: readonly Size[]
  readonly observer: EngineObserver
  /** The worker file; tests lay faults over the real one. */
  readonly worker?: URL
}

/** Told of what happens to runs; metrics and the server's health listen here. */
export interface EngineObserver {
  runEnded (run: { model: string, depth: Depth, batchSize: number, inferMs: number, traces: Context[] }): void
  /** Something an operator should know: a lost thread, a shrunk batch, a run that hangs. */
  trouble (event: 'instance_replaced' | 'batch_halved' | 'run_hung' | 'instance_lost', details: Record<string, unknown>): void
}
