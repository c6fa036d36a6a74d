import type { Network, Traits } from '../../model/network.js'
import type { Preprocess } from '../../model/preprocess.js'
import type { Naming } from '../names/naming.js'

export const DIALECT_NAMES = ['timm-b', 'timm-a', 'timm-eca', 'detectron2', 'dd3d', 'mmdet3d', 'centermask-v1', 'stigma-v1', '1e100'] as const
export type DialectName = typeof DIALECT_NAMES[number]

/** What a dialect is told by, beyond the naming its tensors follow. */
export interface Evidence {
  /** What stands before the network's names, e.g. `backbone.bottom_up.`. */
  readonly prefix: string
  readonly attention: Traits['attention']
  /** Every name in the file, the network's and others. */
  readonly names: Iterable<string>
}

/** What the tensors of a checkpoint cannot tell about the network that was trained. */
export type HiddenTraits = Omit<Traits, 'attention' | 'attentionBlocks'>

/** One published implementation: how its checkpoints are told, what network they mean and what its input looks like. */
export interface Dialect {
  readonly name: DialectName
  /** Whose it is, in a few words. */
  readonly title: string
  readonly naming: Naming
  /** Why a checkpoint of this naming is this dialect's, or undefined when it is not. */
  recognise (evidence: Evidence): string | undefined
  readonly traits: HiddenTraits
  /** The input its authors trained with; a network without a better source gets this. */
  preprocess (network: Pick<Network, 'variant' | 'pyramid'>): Preprocess
}
