import { architectureOf, ecaKernel, unitsOf, type Block, type ConvUnit } from './architecture.js'
import type { Network } from './network.js'

/** The tensors of a unit's convolutions, without the norm. */
export function convTensors (unit: ConvUnit): Array<[name: string, shape: number[]]> {
  const { name, inputs, outputs, kernel } = unit
  if (!unit.separable) return [[`${name}.conv.weight`, [outputs, inputs, kernel, kernel]]]
  return [[`${name}.conv_dw.weight`, [inputs, 1, kernel, kernel]], [`${name}.conv_pw.weight`, [outputs, inputs, 1, 1]]]
}

export const BATCH_NORM = ['weight', 'bias', 'running_mean', 'running_var'] as const

/** The tensors of a block's attention; timm's shapes, so the ECA kernel is that of a Conv1d. */
export function attentionTensors (block: Block): Array<[name: string, shape: number[]]> {
  if (block.attention === 'none') return []
  if (block.attention === 'eca') return [[`${block.name}.attn.conv.weight`, [1, 1, ecaKernel(block.outputs)]]]
  return [[`${block.name}.attn.fc.weight`, [block.outputs, block.outputs, 1, 1]], [`${block.name}.attn.fc.bias`, [block.outputs]]]
}

/** The tensors of the classifier, [] without one. */
export function headTensors ({ variant, classes }: Network): Array<[name: string, shape: number[]]> {
  if (classes === 0) return []
  return [['head.fc.weight', [classes, variant.stageOutCh[3]]], ['head.fc.bias', [classes]]]
}

/** The tensors of the feature pyramid, [] without one. `fpn.lateral.S` reads stage S, `fpn.output.S` writes pS, `fpn.top.6` p6. */
export function pyramidTensors ({ variant, pyramid }: Network): Array<[name: string, shape: number[]]> {
  if (pyramid === undefined) return []
  const { channels, stages, top } = pyramid
  const levels = stages.flatMap((stage): Array<[string, number[]]> => [
    [`fpn.lateral.${stage}.weight`, [channels, variant.stageOutCh[stage - 2]!, 1, 1]],
    [`fpn.lateral.${stage}.bias`, [channels]],
    [`fpn.output.${stage}.weight`, [channels, channels, 3, 3]],
    [`fpn.output.${stage}.bias`, [channels]]
  ])
  return top === undefined ? levels : [...levels, ['fpn.top.6.weight', [channels, channels, 3, 3]], ['fpn.top.6.bias', [channels]]]
}

/**
 * Every tensor a checkpoint of this network must hold, under its canonical name (timm's; the pyramid's names are ours), with its
 * shape, in the order of the forward pass. Counters (`num_batches_tracked`) are left out: inference never reads them.
 */
export function canonicalTensors (network: Network): Map<string, number[]> {
  const { stem, stages } = architectureOf(network)
  const tensors = new Map<string, number[]>()
  const add = (entries: Array<[string, number[]]>): void => entries.forEach(([name, shape]) => tensors.set(name, shape))
  const addUnit = (unit: ConvUnit): void => {
    add(convTensors(unit))
    add(BATCH_NORM.map(part => [`${unit.name}.bn.${part}`, [unit.outputs]]))
  }
  stem.forEach(addUnit)
  for (const block of stages.flatMap(stage => stage.blocks)) {
    unitsOf(block).forEach(addUnit)
    add(attentionTensors(block))
  }
  add(headTensors(network))
  add(pyramidTensors(network))
  return tensors
}

/** How many values a shape holds. */
export function elements (shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}
