import type { Network, Stage } from './network.js'

/** A 3x3 or 1x1 convolution with batch norm and ReLU; depthwise-separable: 3x3 depthwise, 1x1 pointwise, then one norm and ReLU. */
export interface ConvUnit {
  /** Canonical prefix of its tensors, e.g. `stages.0.blocks.0.conv_mid.1`. */
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly kernel: 1 | 3
  readonly stride: number
  readonly separable: boolean
}

/** A one-shot aggregation block: layers in a row, all their outputs and the input concatenated once, then a 1x1 convolution. */
export interface Block {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  /** Depthwise variants narrow the input first; the concatenation still takes the input as it came. */
  readonly reduction: ConvUnit | undefined
  readonly layers: readonly ConvUnit[]
  readonly concat: ConvUnit
  readonly attention: 'none' | 'ese' | 'eca'
  /** Adds the block's input to its output, after the attention. */
  readonly identity: boolean
}

export interface StageLayout {
  readonly stage: Exclude<Stage, 'stem'>
  /** The pooling before the first block. */
  readonly pooling: 'none' | 'ceil' | 'padded'
  readonly blocks: readonly Block[]
}

export interface Architecture {
  readonly stem: readonly ConvUnit[]
  readonly stages: readonly StageLayout[]
}

/**
 * The backbone laid out unit by unit: the one reading of variant and traits that tensors, costs, folding and graph share.
 * eSE needs both the variant's flag and the trait; ECA stands on the trait alone, since no variant has a flag for it.
 */
export function architectureOf ({ variant, traits }: Network): Architecture {
  const [first, second, third] = variant.stem
  const stemUnit = (index: 0 | 1 | 2, inputs: number, outputs: number): ConvUnit =>
    // The first convolution is dense in depthwise variants too: three colours are nothing to separate.
    ({ name: `stem.${index}`, inputs, outputs, kernel: 3, stride: traits.stemStrides[index], separable: variant.dw && index > 0 })
  const stem = [stemUnit(0, 3, first), stemUnit(1, first, second), stemUnit(2, second, third)]

  let width = third
  const stages = ([2, 3, 4, 5] as const).map((number, index): StageLayout => {
    const blocks: Block[] = []
    for (let block = 0; block < variant.blockPerStage[index]!; block++) {
      blocks.push(layoutBlock({ variant, traits }, index, block, width))
      width = variant.stageOutCh[index]!
    }
    const pooled = traits.pooling === 'padded' || number > 2
    return { stage: `stage${number}`, pooling: pooled ? traits.pooling : 'none', blocks }
  })
  return { stem, stages }
}

function layoutBlock ({ variant, traits }: Pick<Network, 'variant' | 'traits'>, stage: number, index: number, inputs: number): Block {
  const name = `stages.${stage}.blocks.${index}`
  const mid = variant.stageConvCh[stage]!
  const outputs = variant.stageOutCh[stage]!
  const last = index === variant.blockPerStage[stage]! - 1
  const attended = traits.attentionBlocks === 'every' || last
  const attention = traits.attention === 'ese' && !variant.eSE ? 'none' : traits.attention
  const dense = { stride: 1, separable: false } as const
  const reduced = variant.dw && inputs !== mid
  const layers = Array.from({ length: variant.layerPerBlock }, (_, layer): ConvUnit => ({
    name: `${name}.conv_mid.${layer}`, inputs: layer > 0 || reduced ? mid : inputs, outputs: mid, kernel: 3, stride: 1, separable: variant.dw
  }))
  return {
    name,
    inputs,
    outputs,
    reduction: reduced ? { name: `${name}.conv_reduction`, inputs, outputs: mid, kernel: 1, ...dense } : undefined,
    layers,
    concat: { name: `${name}.conv_concat`, inputs: inputs + variant.layerPerBlock * mid, outputs, kernel: 1, ...dense },
    attention: attended ? attention : 'none',
    identity: traits.identity === 'same-width' ? inputs === outputs : traits.identity === 'after-first' && index > 0
  }
}

/** The units of a block in the order they run. */
export function unitsOf (block: Block): ConvUnit[] {
  return [...(block.reduction === undefined ? [] : [block.reduction]), ...block.layers, block.concat]
}

/** Taps of an ECA convolution over so many channels: timm's rule for gamma 2, beta 1. */
export function ecaKernel (channels: number): number {
  const taps = Math.trunc(Math.abs(Math.log2(channels) + 1) / 2)
  return Math.max(taps % 2 === 1 ? taps : taps + 1, 3)
}
