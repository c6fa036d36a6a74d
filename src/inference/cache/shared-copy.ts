import type { OutputName } from '../../model/network.js'
import type { Extracted } from '../extracted.js'
import type { LoopSteps } from './loop-steps.js'

/**
 * The same result with its numbers in shared memory. That cannot be transferred, so no answer's encoding takes it away from the
 * others, and it reaches the encoding thread without another copy.
 * @throws the signal's reason
 */
export async function sharedCopy (image: Extracted, steps: LoopSteps, signal: AbortSignal): Promise<Extracted> {
  const copy = async (from: Uint8Array): Promise<SharedArrayBuffer> => {
    const to = new Uint8Array(new SharedArrayBuffer(from.length))
    await steps.walk(from.length, signal, (start, end) => to.set(from.subarray(start, end), start))
    return to.buffer
  }
  const tensors: Record<string, { shape: readonly number[], data: Float32Array }> = {}
  for (const [name, { shape, data }] of Object.entries(image.tensors)) {
    tensors[name as OutputName] = { shape, data: new Float32Array(await copy(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))) }
  }
  return { ...image, input: image.input && new Uint8Array(await copy(image.input)), tensors }
}
