import { ServiceError } from '../errors.js'
import type { Quad, Traits, VariantSpec } from '../model/network.js'
import { findVariant } from '../model/variants.js'
import type { TensorInfo } from './tensor-source.js'

/** The network's tensors in a file under their canonical names. */
export type CanonicalTensors = ReadonlyMap<string, TensorInfo>

/** Called with the canonical name of a tensor that has to be there; never returns. */
export type OnMissing = (canonical: string, expected: string) => never

/**
 * Widths and depths as the tensors' shapes show them, named as the built-in variant with the same ones or `custom`.
 * Only what the spec needs is looked at; whether every other tensor fits is for the caller to compare.
 */
export function deriveVariant (tensors: CanonicalTensors, attention: Traits['attention'], onMissing: OnMissing): VariantSpec {
  const outputsOf = (unit: string): number => {
    const name = [`${unit}.conv_pw.weight`, `${unit}.conv.weight`].find(name => tensors.has(name)) ?? onMissing(`${unit}.conv.weight`, 'a convolution')
    const [outputs = 0] = tensors.get(name)!.shape
    return outputs > 0 ? outputs : onMissing(name, 'a convolution')
  }
  const stages = [0, 1, 2, 3] as const
  const perStage = (value: (stage: number) => number): Quad => stages.map(value) as unknown as Quad
  const spec: VariantSpec = {
    name: 'custom',
    stem: [outputsOf('stem.0'), outputsOf('stem.1'), outputsOf('stem.2')],
    stageConvCh: perStage(stage => outputsOf(`stages.${stage}.blocks.0.conv_mid.0`)),
    stageOutCh: perStage(stage => outputsOf(`stages.${stage}.blocks.0.conv_concat`)),
    layerPerBlock: count(tensors, 'stages.0.blocks.0.conv_mid.'),
    blockPerStage: perStage(stage => count(tensors, `stages.${stage}.blocks.`)),
    eSE: attention === 'ese',
    dw: tensors.has('stages.0.blocks.0.conv_mid.0.conv_dw.weight')
  }
  return findVariant(spec) ?? spec
}

/** How many different indices follow `prefix`: with one left out, the tensors of the last are missed later and named. */
function count (tensors: CanonicalTensors, prefix: string): number {
  const indices = new Set<number>()
  for (const name of tensors.keys()) {
    if (name.startsWith(prefix)) indices.add(Number.parseInt(name.slice(prefix.length), 10))
  }
  return indices.size
}

/**
 * Which attention the blocks carry, as the tensors show it. With some blocks before a stage's last carrying it and others not,
 * it is read as `every`, so that the missing one is named later.
 */
export function deriveAttention (tensors: CanonicalTensors): Pick<Traits, 'attention' | 'attentionBlocks'> {
  const blocks = new Set<string>()
  const carrying = new Set<string>()
  let attention: Traits['attention'] = 'none'
  for (const name of tensors.keys()) {
    const match = /^(stages\.\d+\.blocks\.\d+)\.(attn\.fc|attn\.conv)?/.exec(name)
    if (match === null) continue
    blocks.add(match[1]!)
    if (match[2] === undefined) continue
    carrying.add(match[1]!)
    attention = match[2] === 'attn.fc' ? 'ese' : 'eca'
  }
  const isLast = (block: string): boolean => !blocks.has(block.replace(/\d+$/, index => String(Number(index) + 1)))
  const early = [...carrying].some(block => !isLast(block))
  return { attention, attentionBlocks: early || [...blocks].every(isLast) ? 'every' : 'last' }
}

/** `checkpoint_mismatch` about one tensor of a file. */
export function mismatch (file: string, tensor: string, expected: string, received: string): ServiceError {
  return new ServiceError('checkpoint_mismatch', `${file}: tensor ${tensor} must be ${expected}, received ${received}`, { param: tensor })
}
