import type { TensorInfo } from '../tensor-source.js'

/** Stored names without the prefix, and what the file says about them. */
export type PlainTensors = ReadonlyMap<string, TensorInfo>

/** How one family of implementations names the network's tensors. */
export interface Naming {
  readonly name: 'timm' | 'osa' | 'flat'
  /** The first convolution, which every such checkpoint has; what stands before it in the file is the prefix. */
  readonly anchor: string
  /** Canonical name (timm's) -> plain stored name, for every tensor that belongs to the network. */
  canonical (tensors: PlainTensors): Map<string, string>
  /** The plain stored name a canonical tensor would have in this file, for messages about a missing one. */
  stored (canonical: string, tensors: PlainTensors): string
}

/** The tensors of a batch normalisation that are read; its counter never is. */
export const BN = 'weight|bias|running_mean|running_var'
