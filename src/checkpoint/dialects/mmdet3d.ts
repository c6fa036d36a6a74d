import { osaNames } from '../names/osa.js'
import { OSA_TRAITS } from './detectron2.js'
import type { Dialect } from './dialect.js'
import { callersImage } from './preprocessing.js'

/** PETR, StreamPETR and other multi-view detectors in mmdetection3d: DD3D's weights and normalisation. */
export const mmdet3d: Dialect = {
  name: 'mmdet3d',
  title: 'PETR and StreamPETR (mmdetection3d)',
  naming: osaNames,
  recognise: ({ prefix }) => /(^|\.)img_backbone\.$/.test(prefix) ? `its backbone's prefix ${prefix}` : undefined,
  traits: OSA_TRAITS,
  preprocess: () => callersImage()
}
