import { timmNames } from '../names/timm.js'
import type { Dialect, HiddenTraits } from './dialect.js'
import { centreCrop, IMAGENET } from './preprocessing.js'

const TRAITS: HiddenTraits = { identity: 'after-first', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 }

const imagenet224: Dialect['preprocess'] = () => centreCrop(IMAGENET, 224, 0.875, 'bicubic')

/** `ese_vovnet*b`: eSE on the last block of a stage, identity after the first. */
export const timmB: Dialect = {
  name: 'timm-b',
  title: 'timm ese_vovnet*b',
  naming: timmNames,
  recognise: ({ attention }) => attention === 'ese' ? 'timm names with eSE' : undefined,
  traits: TRAITS,
  // The one published V-57 (ra4_e3600_r256_in1k) was trained at 256 with mean and std of one half.
  preprocess: network => network.variant.name === 'V-57-eSE'
    ? centreCrop({ ...IMAGENET, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, 256, 0.95, 'bicubic')
    : imagenet224(network)
}

/** `eca_vovnet39b`: efficient channel attention in place of eSE. */
export const timmEca: Dialect = {
  name: 'timm-eca',
  title: 'timm eca_vovnet*b',
  naming: timmNames,
  recognise: ({ attention }) => attention === 'eca' ? 'timm names with ECA (attn.conv)' : undefined,
  traits: TRAITS,
  preprocess: imagenet224
}

/** `vovnet39a`, `vovnet57a`: VoVNet v1 as timm has it, without any identity. */
export const timmA: Dialect = {
  name: 'timm-a',
  title: 'timm vovnet*a',
  naming: timmNames,
  recognise: ({ attention }) => attention === 'none'
    ? 'timm names without attention, so no identity either (weights of VoVNet.pytorch under these names need "dialect": "stigma-v1")'
    : undefined,
  traits: { ...TRAITS, identity: 'none' },
  preprocess: imagenet224
}
