import { osaNames } from '../names/osa.js'
import { OSA_TRAITS } from './detectron2.js'
import type { Dialect } from './dialect.js'
import { centreCrop, IMAGENET } from './preprocessing.js'

/** The first VoVNet (27-slim, 39, 57): no attention, a classifier; evaluated as torchvision's networks are (its main.py). */
export const stigmaV1: Dialect = {
  name: 'stigma-v1',
  title: 'stigma0617/VoVNet.pytorch',
  naming: osaNames,
  recognise: ({ attention }) => attention === 'none' ? 'OSA names without eSE' : undefined,
  traits: OSA_TRAITS,
  preprocess: () => centreCrop(IMAGENET, 224, 0.875, 'bilinear')
}
