import type { Precision } from '../model/graph.js'

export const PROVIDERS = ['cpu', 'cuda', 'tensorrt', 'webgpu'] as const
export type Provider = typeof PROVIDERS[number]

/** Where the network runs and in which arithmetic. */
export interface Device {
  readonly provider: Provider
  readonly precision: Precision
  /** CUDA's numbers of the GPUs, an instance goes to each in turn; [] where there is nothing to choose. */
  readonly ids: readonly number[]
  /** Why it was chosen, a sentence. */
  readonly reason?: string
  /** It is the CPU although a GPU was asked for or seen. */
  readonly fallback?: boolean
}

export const CPU: Device = { provider: 'cpu', precision: 'fp32', ids: [] }

/** What an inference thread has to know of its device. */
export interface WorkerSettings {
  readonly provider: Provider
  /** Default: fp32. */
  readonly precision?: Precision
  /** Default: 0. */
  readonly deviceId?: number
}

/** What an engine has to know of its device: in fp32 on the only one there is, unless said otherwise. */
export type EngineDevice = Pick<Device, 'provider'> & Partial<Device>

/** The settings of the index-th instance. */
export function settingsOf ({ provider, precision = 'fp32', ids = [] }: EngineDevice, index: number): WorkerSettings {
  const deviceId = ids[index % ids.length]
  return { provider, precision, ...deviceId === undefined ? {} : { deviceId } }
}

/** What a model's check in an inference thread found; see CheckTask. */
export interface DeviceCheck {
  /** The GPU's number, where there is a choice. */
  readonly deviceId?: number
  /** How many nodes of the graph each of ONNX Runtime's providers ran; undefined where its profile cannot be written. */
  readonly nodes: Readonly<Record<string, number>> | undefined
  /** undefined where float32 on the CPU, what others are compared with, is what runs. */
  readonly golden: {
    /** The largest difference from float32 on the CPU, as a part of the output's largest value. */
    readonly difference: number
    readonly tolerance: number
  } | undefined
}
