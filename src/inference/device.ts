export const PROVIDERS = ['cpu', 'cuda', 'tensorrt', 'webgpu'] as const
export type Provider = typeof PROVIDERS[number]

/** Where the network runs and in which arithmetic. */
export interface Device {
  readonly provider: Provider
  readonly precision: 'fp32' | 'fp16'
  /** GPUs, an instance goes to each in turn; [] on a CPU. */
  readonly ids: readonly number[]
}

export const CPU: Device = { provider: 'cpu', precision: 'fp32', ids: [] }
