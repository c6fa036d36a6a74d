import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What there is to choose from, seen without starting any of it. */
export interface Machine {
  /** Libraries of NVIDIA providers that this installation lacks; [] where all are there. */
  missingLibraries (provider: 'cuda' | 'tensorrt'): readonly string[]
  /** An NVIDIA GPU's device file is there. */
  gpuSeen (): boolean
}

/** ONNX Runtime loads them from beside itself; its npm package comes without. */
const LIBRARIES = {
  cuda: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'],
  tensorrt: ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_tensorrt.so']
}

export const THIS_MACHINE: Machine = {
  missingLibraries (provider) {
    const folder = runtimeFolder()
    return LIBRARIES[provider].filter(name => folder === undefined || !existsSync(join(folder, name)))
  },
  gpuSeen () {
    // /dev/dxg is the GPU of a Windows host, under WSL.
    return existsSync('/dev/dxg') || list('/dev').some(name => /^nvidia\d+$/.test(name))
  }
}

/** Where the package keeps its native library: `bin/napi-v6/linux/x64`. undefined on a system it has none for. */
function runtimeFolder (): string | undefined {
  const bin = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..', 'bin')
  return list(bin).map(version => join(bin, version, process.platform, process.arch)).find(existsSync)
}

function list (folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
