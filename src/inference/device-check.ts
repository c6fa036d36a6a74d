import { ServiceError } from '../errors.js'
import type { DeviceCheck, WorkerSettings } from './device.js'
import { largestDifference, toleranceOf } from './golden.js'
import { countByProvider, requirePlacement, type PlacedNode } from './node-placement.js'

/** What a model's run on a device gave. */
export interface Observed {
  /** undefined where the run could not be profiled. */
  readonly nodes: readonly PlacedNode[] | undefined
  readonly outputs: Readonly<Record<string, Float32Array>>
  /** The outputs of float32 on the CPU; undefined where that is what ran. */
  readonly reference: Readonly<Record<string, Float32Array>> | undefined
}

/**
 * The device ran the graph itself, and gave what the CPU gives.
 * @throws ServiceError provider_unavailable where it did not
 */
export function judgeDevice ({ provider, precision = 'fp32', deviceId }: WorkerSettings, { nodes, outputs, reference }: Observed): DeviceCheck {
  if (nodes !== undefined) requirePlacement(provider, nodes)
  const tolerance = toleranceOf(provider, precision)
  const difference = reference === undefined ? undefined : largestDifference(outputs, reference)
  if (difference !== undefined && difference > tolerance) {
    throw new ServiceError('provider_unavailable', `EXECUTION_PROVIDER ${provider} in ${precision} computes something else: expected the CPU's outputs within ${tolerance} of their largest value, received a difference of ${difference}`, { param: 'EXECUTION_PROVIDER' })
  }
  return {
    ...deviceId === undefined ? {} : { deviceId },
    nodes: nodes && countByProvider(nodes),
    golden: difference === undefined ? undefined : { difference, tolerance }
  }
}
