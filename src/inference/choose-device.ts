import type { Config } from '../config.js'
import { ServiceError } from '../errors.js'
import { CPU, type Device } from './device.js'
import { THIS_MACHINE, type Machine } from './gpu-presence.js'

export type DeviceSettings = Pick<Config, 'EXECUTION_PROVIDER' | 'PRECISION' | 'DEVICES' | 'INSTANCES'>

/** Runs the models on a device. Rejects with provider_unavailable, saying why, when one does not run there as it should. */
export type Trial = (device: Device) => Promise<void>

const HALF_ON_CPU = 'a CPU computes in fp32 between the rounded weights of fp16: no faster, less exact'

/**
 * Where the models will run. `auto` takes CUDA where all of them run on it, else the CPU, and says why; a named provider is taken or
 * the start fails. In PRECISION auto, NVIDIA's GPUs compute in fp16 where a trial shows it to be exact enough.
 * A device that is the only one possible is not tried: every inference thread checks it anyway when it loads a model.
 * @throws ServiceError provider_unavailable, or invalid_setting for settings that contradict each other
 */
export async function chooseDevice (settings: DeviceSettings, trial: Trial, machine: Machine = THIS_MACHINE): Promise<Device> {
  requireConsistent(settings)
  const { EXECUTION_PROVIDER: asked, PRECISION } = settings
  switch (asked) {
    case 'cpu': return { ...CPU, precision: PRECISION === 'fp16' ? 'fp16' : 'fp32', reason: `cpu was asked for${PRECISION === 'fp16' ? `; ${HALF_ON_CPU}` : ''}` }
    case 'webgpu': return { provider: asked, precision: PRECISION === 'fp16' ? 'fp16' : 'fp32', ids: [], reason: 'webgpu was asked for; WebGPU does not tell whether its adapter is a GPU or software' }
    case 'auto': return await cudaOrCpu(settings, trial, machine)
    default: return await nvidia(asked, settings, trial, machine)
  }
}

async function cudaOrCpu (settings: DeviceSettings, trial: Trial, machine: Machine): Promise<Device> {
  try {
    return await nvidia('cuda', settings, trial, machine)
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'provider_unavailable') throw error
    const signs = [
      ...settings.DEVICES.length > 0 ? ['DEVICES asks for one'] : [],
      ...machine.gpuSeen() ? ['this machine has one'] : [],
      ...machine.missingLibraries('cuda').length === 0 ? ['this installation has the CUDA libraries'] : []
    ]
    return { ...CPU, reason: `auto fell back to the CPU: ${error.message}${signs.length > 0 ? `. A GPU was expected: ${signs.join(', ')}` : ''}`, fallback: signs.length > 0 }
  }
}

async function nvidia (provider: 'cuda' | 'tensorrt', settings: DeviceSettings, trial: Trial, machine: Machine): Promise<Device> {
  const { EXECUTION_PROVIDER: asked, PRECISION, DEVICES } = settings
  const missing = machine.missingLibraries(provider)
  if (missing.length > 0) throw new ServiceError('provider_unavailable', `EXECUTION_PROVIDER ${provider} cannot be used: this installation lacks ${missing.join(', ')}`, { param: 'EXECUTION_PROVIDER' })
  const auto = asked === 'auto'
  const device = { provider, ids: DEVICES.length === 0 ? [0] : DEVICES, reason: auto ? 'auto found CUDA to work' : `${provider} was asked for` }
  if (PRECISION === 'fp32' || PRECISION === 'fp16') {
    const only: Device = { ...device, precision: PRECISION }
    if (auto) await trial(only)
    return only
  }
  try {
    const half: Device = { ...device, precision: 'fp16' }
    await trial(half)
    return half
  } catch (error) {
    const full: Device = { ...device, precision: 'fp32', reason: `${device.reason}, in fp32 because of fp16: ${(error as Error).message}` }
    if (auto) await trial(full)
    return full
  }
}

function requireConsistent ({ EXECUTION_PROVIDER: asked, PRECISION, DEVICES, INSTANCES }: DeviceSettings): void {
  const refuse = (param: string, message: string): never => { throw new ServiceError('invalid_setting', message, { param }) }
  if (PRECISION === 'int8') refuse('PRECISION', 'PRECISION must be auto, fp32 or fp16: int8 is not built yet')
  if (DEVICES.length > 0 && (asked === 'cpu' || asked === 'webgpu')) refuse('DEVICES', `DEVICES must be empty with EXECUTION_PROVIDER ${asked}, which has none to choose from, received ${DEVICES.join(',')}`)
  if (INSTANCES === 'auto') return
  // Two threads that run on WebGPU at once end the process: ONNX Runtime's device is not made for it.
  if (asked === 'webgpu' && INSTANCES > 1) refuse('INSTANCES', `INSTANCES must be 1 with EXECUTION_PROVIDER webgpu, received ${INSTANCES}`)
  if (INSTANCES < DEVICES.length) refuse('INSTANCES', `INSTANCES must be at least the number of DEVICES (${DEVICES.length}), received ${INSTANCES}`)
}
