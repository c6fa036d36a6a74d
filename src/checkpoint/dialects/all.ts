import type { Dialect, DialectName } from './dialect.js'
import { timmA, timmB, timmEca } from './timm.js'

/** Every dialect, the more particular before the more general: the first that recognises a checkpoint has it. */
export const DIALECTS: readonly Dialect[] = [timmB, timmEca, timmA]

export function dialectNamed (name: DialectName): Dialect {
  return DIALECTS.find(dialect => dialect.name === name)!
}
