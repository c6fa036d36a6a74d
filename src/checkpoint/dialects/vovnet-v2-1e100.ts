import { flatNames } from '../names/flat.js'
import type { Dialect } from './dialect.js'
import { centreCrop, IMAGENET } from './preprocessing.js'

/**
 * 1e100/vovnet_v2: the stem halves once, every stage begins with a padded pooling. Its repository says nothing about the input;
 * torchvision's evaluation is assumed.
 */
export const vovnetV2By1e100: Dialect = {
  name: '1e100',
  title: '1e100/vovnet_v2',
  naming: flatNames,
  recognise: () => 'blocks counted through as body.osaN',
  traits: { identity: 'after-first', stemStrides: [2, 1, 1], pooling: 'padded', bnEps: 1e-5 },
  preprocess: () => centreCrop(IMAGENET, 224, 0.875, 'bilinear')
}
