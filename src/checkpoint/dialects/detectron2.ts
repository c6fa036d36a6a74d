import type { Preprocess } from '../../model/preprocess.js'
import { osaNames } from '../names/osa.js'
import type { Dialect, HiddenTraits } from './dialect.js'
import { BGR_MEAN, meanColour } from './preprocessing.js'

/** Shared by everything made from VoVNet.pytorch: identity after a stage's first block, ceil pooling. */
export const OSA_TRAITS: HiddenTraits = { identity: 'after-first', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 }

/** A detector's test size: short side to `short`, long side at most `longest` pixels. */
export function shortEdge (normalisation: Preprocess['normalisation'], short: number, longest: number, rounding: 'truncate' | 'half-up', autoorient: boolean): Preprocess {
  return {
    normalisation,
    geometry: { resize: 'short-edge', width: short, height: short, cropPct: 1, longest, rounding, interpolation: 'bilinear', fill: meanColour(normalisation) },
    autoorient
  }
}

/** Its `read_image` applies EXIF. The Lite detectors, told by their 128 channel pyramid, test at 600 / 1000. */
export const detectron2: Dialect = {
  name: 'detectron2',
  title: 'vovnet-detectron2 and centermask2',
  naming: osaNames,
  recognise: ({ prefix, attention }) => {
    if (/(^|\.)bottom_up\.$/.test(prefix)) return `its backbone's prefix ${prefix}`
    return attention === 'ese' ? 'OSA names with eSE' : undefined
  },
  traits: OSA_TRAITS,
  preprocess: ({ pyramid }) => pyramid?.channels === 128
    ? shortEdge(BGR_MEAN, 600, 1000, 'half-up', true)
    : shortEdge(BGR_MEAN, 800, 1333, 'half-up', true)
}
