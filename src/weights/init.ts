import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dialectNamed } from '../checkpoint/dialects/all.js'
import type { DialectName } from '../checkpoint/dialects/dialect.js'
import { writeSafetensors } from '../checkpoint/formats/safetensors-writer.js'
import { kaimingWeights } from '../model/kaiming.js'
import type { Network, VariantSpec } from '../model/network.js'
import { canonicalTensors } from '../model/network-tensors.js'
import type { ModelEntry } from './folder.js'
import { writeModelFolder } from './model-folder.js'
import { readVariant } from './variant-field.js'

export interface InitOptions {
  /** A built-in variant's name, or a spec as model.json has it. */
  readonly variant: unknown
  /** The weights folder. */
  readonly dir: string
  readonly id: string
  readonly seed: number
}

/**
 * Writes a network nobody trained to `<dir>/<id>/`: model.safetensors with Kaiming weights under canonical names, and the
 * model.json that says what those names leave open. A V2 network is the original's (detectron2: eSE in every block), a v1 one
 * stigma's, one with 348 channels 1e100's; all take an RGB image cropped to 224, since no detector stands behind them.
 * @throws ServiceError weights_folder when the model is already there or the variant is unknown
 */
export function initModel ({ variant, dir, id, seed }: InitOptions): ModelEntry {
  const spec = readVariant('init', variant)
  const dialect = dialectNamed(dialectFor(spec))
  const network: Network = {
    variant: spec,
    traits: { ...dialect.traits, attention: spec.eSE ? 'ese' : 'none', attentionBlocks: 'every' },
    classes: 0,
    pyramid: undefined
  }
  const weights = kaimingWeights(network, seed)
  const tensors = new Map([...canonicalTensors(network)].map(([name, shape]) => [name, { shape, read: () => weights(name) }]))
  const { normalisation, geometry } = dialectNamed('timm-b').preprocess(network)
  const modelJson = {
    dialect: dialect.name,
    variant: spec.name === 'custom' ? variant : spec.name,
    preprocess: { normalisation, geometry, autoorient: true },
    source: `vovnet-serve init ${spec.name}, seed ${seed}: Kaiming weights, not trained`
  }
  return writeModelFolder(dir, id, partial => {
    writeSafetensors(join(partial, 'model.safetensors'), tensors)
    writeFileSync(join(partial, 'model.json'), `${JSON.stringify(modelJson, null, 2)}\n`)
  })
}

function dialectFor (spec: VariantSpec): DialectName {
  if (!spec.eSE) return 'stigma-v1'
  return spec.name.includes('-348-') ? '1e100' : 'detectron2'
}
