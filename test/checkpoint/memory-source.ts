import type { TensorInfo, TensorSource } from '../../src/checkpoint/tensor-source.js'
import type { Network, VariantSpec } from '../../src/model/network.js'
import { canonicalTensors } from '../../src/model/network-tensors.js'
import { expectedValues } from './expected.js'

/** Tensors by name and shape, as if a file held them. */
export function memorySource (shapes: Readonly<Record<string, readonly number[]>>, values: Readonly<Record<string, number[]>> = {}): TensorSource {
  const tensors = new Map(Object.entries(shapes).map(([name, shape]): [string, TensorInfo] => [name, { dtype: 'f32', shape }]))
  return {
    format: 'torch-zip',
    file: 'memory.pth',
    tensors,
    wrappers: [],
    read: name => values[name] === undefined ? expectedValues(name, shapes[name]!) : Float32Array.from(values[name]),
    close () {}
  }
}

/** The names and shapes of a network under canonical names, each behind a prefix. */
export function timmShapes (variant: VariantSpec, overrides: Partial<Network> = {}, prefix = ''): Record<string, number[]> {
  const network: Network = {
    variant,
    traits: { attention: variant.eSE ? 'ese' : 'none', attentionBlocks: 'every', identity: 'after-first', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 },
    classes: 0,
    pyramid: undefined,
    ...overrides
  }
  return Object.fromEntries([...canonicalTensors(network)].map(([name, shape]) => [prefix + name, shape]))
}

/** The same in the OSA family's names (detectron2 and its relatives), dense networks only. */
export function osaShapes (variant: VariantSpec, prefix = ''): Record<string, number[]> {
  return Object.fromEntries(Object.entries(timmShapes(variant)).map(([name, shape]) => [prefix + osaName(name), shape]))
}

function osaName (canonical: string): string {
  const parts = canonical.split('.')
  const leaf = parts.slice(-2).join('.').replace(/^bn\./, 'norm.')
  if (parts[0] === 'stem') return `stem.stem_${Number(parts[1]) + 1}/${leaf}`
  const [stage, block] = [Number(parts[1]) + 2, Number(parts[3]) + 1]
  const module = `OSA${stage}_${block}`
  if (parts[4] === 'conv_mid') return `stage${stage}.${module}.layers.${parts[5]}.${module}_${parts[5]}/${leaf}`
  if (parts[4] === 'attn') return `stage${stage}.${module}.ese.${leaf}`
  return `stage${stage}.${module}.concat.${module}_concat/${leaf}`
}
