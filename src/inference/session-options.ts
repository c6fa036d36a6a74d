import type { Network } from '../model/network.js'
import type { Provider, WorkerSettings } from './device.js'

/** In the order ONNX Runtime is to try them. */
type Choice = Array<Provider | { readonly name: 'cuda' | 'tensorrt', readonly deviceId: number }>

/**
 * Asked for is the one provider alone: beside a second one, ONNX Runtime leaves out in silence what it cannot load. TensorRT
 * gets CUDA beside it for the few nodes it never takes (transposing bytes); both fail aloud when their libraries do.
 */
function providersOf ({ provider, deviceId = 0 }: WorkerSettings): Choice {
  if (provider === 'cuda') return [{ name: 'cuda', deviceId }]
  if (provider === 'tensorrt') return [{ name: 'tensorrt', deviceId }, { name: 'cuda', deviceId }]
  return [provider]
}

/**
 * ONNX Runtime's options for a session of this network.
 * @param spins whether its threads spin, within a run, while they wait for each other: a run of 224x224 then takes 8 ms in place of 12,
 * and whatever runs beside it suffers
 * @param profile where the profile of its runs goes, the start of a file name
 */
export function sessionOptions (settings: WorkerSettings, network: Network, { threads, spins = false, profile }: { threads: number, spins?: boolean | undefined, profile?: string | undefined }) {
  // A pyramid's padding computes with the image's sides, integers that every provider leaves to the CPU; there the check of the
  // nodes alone stands guard.
  const strict = settings.provider !== 'cpu' && network.pyramid === undefined
  return {
    executionProviders: providersOf(settings),
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all' as const,
    logSeverityLevel: 3 as const,
    ...profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile },
    extra: {
      session: {
        // A spinning pool eats the cores of its neighbours: 79 img/s with it, 139 without (2 threads x 2 threads on 2 cores).
        intra_op: { allow_spinning: spins ? '1' : '0' },
        force_spinning_stop: '1', // when the run ends
        ...strict ? { disable_cpu_ep_fallback: '1' } : {}
      }
    }
  }
}
