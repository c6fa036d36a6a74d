import { centermaskV1 } from './centermask-v1.js'
import { dd3d } from './dd3d.js'
import { detectron2 } from './detectron2.js'
import type { Dialect, DialectName } from './dialect.js'
import { mmdet3d } from './mmdet3d.js'
import { stigmaV1 } from './stigma-v1.js'
import { timmA, timmB, timmEca } from './timm.js'
import { vovnetV2By1e100 } from './vovnet-v2-1e100.js'

/** Every dialect, the more particular before the more general: the first that recognises a checkpoint has it. */
export const DIALECTS: readonly Dialect[] = [timmB, timmEca, timmA, mmdet3d, centermaskV1, dd3d, detectron2, stigmaV1, vovnetV2By1e100]

export function dialectNamed (name: DialectName): Dialect {
  return DIALECTS.find(dialect => dialect.name === name)!
}
