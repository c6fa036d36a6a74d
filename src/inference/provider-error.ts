import { ServiceError } from '../errors.js'
import type { WorkerSettings } from './device.js'

/** ONNX Runtime's, CUDA's and Dawn's words, and what they mean to whoever starts the service. */
const REASONS: ReadonlyArray<[words: RegExp, reason: string]> = [
  [/Failed to load shared library/i, 'its libraries do not load; the line that ONNX Runtime wrote above names the one that is missing'],
  [/backend not found|no available backend|is unsupported: '/i, 'this build of ONNX Runtime does not have it'],
  [/Failed to get a WebGPU adapter/i, 'there is no GPU, or no driver (Vulkan, Direct3D 12, Metal) that ONNX Runtime takes'],
  [/invalid device ordinal|CUDA (failure|error) 101\b/i, 'there is no GPU of that number'],
  [/no CUDA-capable device|driver version is insufficient|CUDA (failure|error) (35|100)\b/i, 'there is no GPU, or its driver is older than the CUDA libraries'],
  [/requires f16/i, 'the GPU has no half precision (shader-f16)'],
  [/assigned to the default CPU EP/i, 'it cannot run every node of the network']
]

/** Cut here: native messages go on for pages. */
const LONGEST = 300

/** Why the device cannot be used, one sentence. Errors that are ours stay as they are. */
export function providerError ({ provider, deviceId, precision = 'fp32' }: WorkerSettings, error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  const message = error instanceof Error ? error.message : String(error)
  const known = REASONS.find(([words]) => words.test(message))?.[1]
  const reason = known ?? message.replace(/\s+/g, ' ').trim().slice(0, LONGEST)
  const name = deviceId === undefined ? provider : `${provider} (device ${deviceId})`
  return new ServiceError('provider_unavailable', `EXECUTION_PROVIDER ${name} in ${precision} cannot be used: ${reason}`, { param: 'EXECUTION_PROVIDER', cause: error })
}
