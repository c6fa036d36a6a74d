import type { PreparedImage } from '../image/image.js'
import type { OutputName } from '../model/network.js'

/** What an image gave: the outputs asked for, and how its input lies in the source. */
export interface Extracted extends Omit<PreparedImage, 'data'> {
  /** uint8 RGB [height, width, 3], when asked for. */
  readonly input: Uint8Array | undefined
  /** float32; read only, for a kept result is in other answers too. */
  readonly tensors: Partial<Record<OutputName, { readonly shape: readonly number[], readonly data: Float32Array }>>
}
