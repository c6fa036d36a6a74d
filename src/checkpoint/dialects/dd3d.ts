import { osaNames } from '../names/osa.js'
import { OSA_TRAITS } from './detectron2.js'
import type { Dialect } from './dialect.js'
import { callersImage } from './preprocessing.js'

/** detectron2's layout under another normalisation; its own heads beside the backbone tell it (tridet/modeling/dd3d/core.py). */
export const dd3d: Dialect = {
  name: 'dd3d',
  title: 'DD3D',
  naming: osaNames,
  recognise: ({ names }) => {
    for (const name of names) {
      if (/(^|\.)fcos[23]d_head\./.test(name)) return `its detection head, ${name}`
    }
    return undefined
  },
  traits: OSA_TRAITS,
  preprocess: () => callersImage()
}
