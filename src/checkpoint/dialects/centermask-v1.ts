import { osaNames } from '../names/osa.js'
import { OSA_TRAITS, shortEdge } from './detectron2.js'
import type { Dialect } from './dialect.js'

/** CenterMask on maskrcnn-benchmark, whose FrozenBatchNorm2d divides by sqrt(variance) without an epsilon. */
export const centermaskV1: Dialect = {
  name: 'centermask-v1',
  title: 'CenterMask (maskrcnn-benchmark)',
  naming: osaNames,
  recognise: ({ prefix }) => /(^|\.)backbone\.body\.$/.test(prefix) ? `its backbone's prefix ${prefix}` : undefined,
  traits: { ...OSA_TRAITS, bnEps: 0 },
  preprocess: () => shortEdge({ range: 255, channels: 'bgr', mean: [102.9801, 115.9465, 122.7717], std: [1, 1, 1] }, 800, 1333, 'truncate', false)
}
