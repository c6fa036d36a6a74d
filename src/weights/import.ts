import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { mismatch } from '../checkpoint/derive-variant.js'
import { writeSafetensors } from '../checkpoint/formats/safetensors-writer.js'
import type { VariantSpec } from '../model/network.js'
import { canonicalTensors } from '../model/network-tensors.js'
import { variantNamed } from '../model/variants.js'
import { openModel, type ModelDescription } from './describe.js'
import { hashFile } from './file-hash.js'
import type { ModelEntry } from './folder.js'
import { writeModelFolder } from './model-folder.js'

export interface ImportOptions {
  /** The weights folder. */
  readonly dir: string
  readonly id: string
  /** Store half precision: half the size, each weight off by at most one part in 2,048. */
  readonly half: boolean
}

/** From here on a float32 rounds to infinity in half precision (65,504 and half a step). */
const HALF_OVERFLOW = 65_520

/**
 * Writes any recognised checkpoint to `<dir>/<id>/`: model.safetensors with canonical names, as float32 or float16, and a model.json
 * that says all the file itself no longer shows. Served from there, float32 gives the same outputs to the last bit. Tensors the network
 * does not use are left behind.
 * @throws ServiceError what openModel throws; weights_folder when the id is taken; checkpoint_mismatch for a value that cannot be kept
 */
export function importModel (entry: ModelEntry, { dir, id, half }: ImportOptions): ModelEntry {
  const { description, tensors, canonical } = openModel(entry)
  try {
    const written = new Map([...canonicalTensors(description.network)].map(([name, shape]) => {
      const stored = canonical.get(name)!
      const read = (): Float32Array => checked(entry.file, stored, tensors.read(stored), half)
      return [name, { shape, read }]
    }))
    return writeModelFolder(dir, id, partial => {
      writeSafetensors(join(partial, 'model.safetensors'), written, { dtype: half ? 'f16' : 'f32' })
      writeFileSync(join(partial, 'model.json'), `${JSON.stringify(modelJsonOf(description), null, 2)}\n`)
    })
  } finally {
    tensors.close()
  }
}

function checked (file: string, tensor: string, values: Float32Array, half: boolean): Float32Array {
  const most = half ? HALF_OVERFLOW : Infinity
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (Math.abs(value) < most) continue
    const expected = half ? 'in half precision\'s range (import it without --half)' : 'finite'
    throw mismatch(file, tensor, expected, `${value} at index ${index}`)
  }
  return values
}

function modelJsonOf ({ dialect, network: { variant }, preprocess, labels, license, source, file }: ModelDescription): unknown {
  const origin = `imported from ${basename(file)}, sha256 ${hashFile(file)}`
  return {
    dialect,
    variant: variantNamed(variant.name) === undefined ? specOf(variant) : variant.name,
    preprocess,
    labels,
    license,
    source: source === undefined ? origin : `${source}; ${origin}`
  }
}

/** In the words that a variant of one's own is written in, see parseVariantSpec. */
function specOf ({ stem, stageConvCh, stageOutCh, layerPerBlock, blockPerStage, eSE, dw }: VariantSpec): unknown {
  return { stem, stage_conv_ch: stageConvCh, stage_out_ch: stageOutCh, layer_per_block: layerPerBlock, block_per_stage: blockPerStage, eSE, dw }
}
