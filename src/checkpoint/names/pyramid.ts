import type { Pyramid } from '../../model/network.js'
import type { TensorInfo } from '../tensor-source.js'

/** A feature pyramid's tensors found beside a backbone. */
export interface FoundPyramid {
  /** Undefined where there is none that can be computed. */
  readonly pyramid: Pyramid | undefined
  /** Canonical name -> stored name. */
  readonly canonical: ReadonlyMap<string, string>
  /** What was found, for `inspect`; undefined when nothing was. */
  readonly reason: string | undefined
}

/**
 * Looks for detectron2's FPN (`fpn_lateralS`, `fpn_outputS` beside `bottom_up.`) or our own canonical names for it. The levels
 * must go on to stage 5 without a gap.
 */
export function findPyramid (tensors: ReadonlyMap<string, TensorInfo>, prefix: string): FoundPyramid {
  const beside = prefix.replace(/bottom_up\.$/, '')
  const stored: Record<string, (stage: string, part: string) => string> = beside === prefix
    ? { lateral: (stage, part) => `${prefix}fpn.lateral.${stage}.${part}`, output: (stage, part) => `${prefix}fpn.output.${stage}.${part}` }
    : { lateral: (stage, part) => `${beside}fpn_lateral${stage}.${part}`, output: (stage, part) => `${beside}fpn_output${stage}.${part}` }
  const canonical = new Map<string, string>()
  const stages = [2, 3, 4, 5].filter(stage => tensors.has(stored['lateral']!(String(stage), 'weight')))
  if (stages.length === 0) return { pyramid: undefined, canonical, reason: undefined }

  if (stages.length !== 6 - stages[0]!) return { pyramid: undefined, canonical, reason: `no pyramid: it has levels ${stages.join(', ')}, which leave a gap below stage 5` }
  const norm = stages.map(stage => stored['lateral']!(String(stage), 'norm.weight')).find(name => tensors.has(name))
  if (norm !== undefined) return { pyramid: undefined, canonical, reason: `no pyramid: its convolutions have norms of their own (${norm})` }
  const top = ['weight', 'bias'].map(part => [`fpn.top.6.${part}`, beside === prefix ? `${prefix}fpn.top.6.${part}` : `${beside}top_block.p6.${part}`] as const)
  for (const stage of stages.map(String)) {
    for (const part of ['weight', 'bias']) {
      for (const kind of ['lateral', 'output']) canonical.set(`fpn.${kind}.${stage}.${part}`, stored[kind]!(stage, part))
    }
  }
  const convolved = tensors.has(top[0]![1])
  if (convolved) for (const [name, storedName] of top) canonical.set(name, storedName)
  const channels = tensors.get(stored['lateral']!(String(stages[0]), 'weight'))?.shape[0] ?? 0
  return {
    pyramid: { channels, stages, ...convolved ? { top: 'conv' as const } : {} },
    canonical,
    reason: `pyramid p${stages[0]} to p6, ${channels} channels: ${stored['lateral']!(String(stages[0]), 'weight')}; p6 by ${convolved ? top[0]![1] : 'pooling p5'}`
  }
}
