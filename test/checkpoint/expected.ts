import { join } from 'node:path'
import { hashName, mulberry32 } from '../../src/model/random.js'
import type { VariantSpec } from '../../src/model/network.js'
import { elements } from '../../src/model/network-tensors.js'

/** A golden checkpoint of files/, made by test/parity/checkpoint_files.py. */
export function golden (name: string): string {
  return join('test/checkpoint/files', name)
}

/** The network in all of them. */
export const TINY: VariantSpec = {
  name: 'custom',
  stem: [4, 4, 6],
  stageConvCh: [4, 5, 4, 3],
  stageOutCh: [6, 7, 8, 9],
  layerPerBlock: 2,
  blockPerStage: [1, 1, 2, 1],
  eSE: true,
  dw: false
}

/** What a tensor of a golden file holds, by its canonical name; `value` of checkpoint_files.py. */
export function expectedValues (canonical: string, shape: readonly number[]): Float32Array {
  const next = mulberry32(hashName(canonical, 0))
  return Float32Array.from({ length: elements(shape) }, () => {
    const steps = Math.floor(next() * 129) - 64
    return (canonical.endsWith('running_var') ? Math.abs(steps) + 1 : steps) / 64
  })
}
