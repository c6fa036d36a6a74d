/** Widths and depths: what tells one VoVNet from another of the same family. */
export interface VariantSpec {
  readonly name: string
  /** Output channels of the three 3x3 stem convolutions. */
  readonly stem: readonly [number, number, number]
  /** Channels of the 3x3 layers inside a block, for stage 2 to 5. */
  readonly stageConvCh: Quad
  /** Channels a stage puts out, for stage 2 to 5. */
  readonly stageOutCh: Quad
  /** 3x3 layers in a block. */
  readonly layerPerBlock: number
  /** Blocks in a stage, for stage 2 to 5. */
  readonly blockPerStage: Quad
  /** Effective squeeze-excitation after the concatenation (VoVNetV2). */
  readonly eSE: boolean
  /** Depthwise-separable 3x3 layers. */
  readonly dw: boolean
}

export type Quad = readonly [number, number, number, number]

/** What differs between the published implementations of one variant and cannot always be seen in the tensors. */
export interface Traits {
  readonly attention: 'none' | 'ese' | 'eca'
  /** Which blocks of a stage carry the attention. */
  readonly attentionBlocks: 'every' | 'last'
  /** Which blocks add their input to their output: none, all but a stage's first, or all whose input is as wide as their output. */
  readonly identity: 'none' | 'after-first' | 'same-width'
  /** Strides of the three stem convolutions. */
  readonly stemStrides: readonly [number, number, number]
  /** `ceil`: 3x3 stride 2, no padding, ceil mode, before stages 3-5. `padded`: 3x3 stride 2, padding 1, floor, before stages 2-5. */
  readonly pooling: 'ceil' | 'padded'
  readonly bnEps: number
}

/**
 * A feature pyramid on top of the backbone (detectron2's FPN). p6, above the coarsest map, is every second cell of it
 * (LastLevelMaxPool), or a 3x3 convolution of stride 2 over it (centermask2's and DD3D's LastLevelP6).
 * A network with one sees every image zero-padded, after normalisation, right and bottom to whole multiples of 32, at every depth:
 * a stage's map is then the same whether asked for alone or beside the pyramid's, and the same as detectron2's.
 */
export interface Pyramid {
  readonly channels: number
  /** The backbone stages that feed it, ascending, e.g. [2, 3, 4, 5]. */
  readonly stages: readonly number[]
  /** Absent: p6 is pooled. */
  readonly top?: 'conv'
}

export interface Network {
  readonly variant: VariantSpec
  readonly traits: Traits
  /** Classes of the linear head on the mean of stage5, 0 without one. */
  readonly classes: number
  readonly pyramid: Pyramid | undefined
}

export const STAGES = ['stem', 'stage2', 'stage3', 'stage4', 'stage5'] as const
export type Stage = typeof STAGES[number]

export const POOLS = ['avg', 'max', 'gem'] as const
export type Pool = typeof POOLS[number]

/** A feature map the network can put out. */
export type MapName = Stage | 'p2' | 'p3' | 'p4' | 'p5' | 'p6'
/** Every tensor a graph can put out: maps, pooled vectors of a graph's deepest stage (at `fpn`: stage5), and the classifier's logits. */
export type OutputName = MapName | `${Stage}.${Pool}` | 'logits'

/** Where a prefix graph is cut: it holds everything up to and including that stage; `fpn` is stage5 and the pyramid. */
export type Depth = Stage | 'fpn'

/** A float32 tensor under its canonical name (timm's naming, see network-tensors.ts). */
export interface NamedTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}
