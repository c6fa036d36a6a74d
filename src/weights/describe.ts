import { openCheckpoint } from '../checkpoint/open.js'
import { recognise, type Recognised } from '../checkpoint/recognise.js'
import type { TensorSource } from '../checkpoint/tensor-source.js'
import type { ModelEntry } from './folder.js'
import { readHubConfig } from './hub-config.js'
import { readModelJson } from './model-json.js'
import { weightsError } from './weights-error.js'

/** All that is known of a model before its weights are read; plain data. */
export interface ModelDescription extends Omit<Recognised, 'canonical'> {
  readonly id: string
  readonly file: string
  readonly format: TensorSource['format']
  /** Class names in the order of `logits`. */
  readonly labels: readonly string[] | undefined
  readonly license: string | undefined
  readonly source: string | undefined
}

/** An opened model: its description, and the tensors still on disk. Close `tensors` when done. */
export interface OpenedModel {
  readonly description: ModelDescription
  readonly tensors: TensorSource
  /** Canonical name -> stored name. */
  readonly canonical: ReadonlyMap<string, string>
}

/**
 * Opens a model's checkpoint, recognises it and lays config.json and then model.json over what was recognised.
 * @throws ServiceError checkpoint_unreadable, checkpoint_unrecognised, checkpoint_mismatch or weights_folder
 */
export function openModel (entry: ModelEntry): OpenedModel {
  const hub = entry.hubConfig === undefined ? undefined : readHubConfig(entry.hubConfig)
  const ours = entry.modelJson === undefined ? undefined : readModelJson(entry.modelJson)
  const tensors = openCheckpoint(entry.file)
  try {
    const { canonical, ...recognised } = recognise(tensors, ours?.recognise)
    let preprocess = recognised.preprocess
    if (hub !== undefined) preprocess = hub.apply(preprocess, ours?.testSize ?? false)
    if (ours !== undefined) preprocess = ours.apply(preprocess)
    const labels = ours?.labels ?? hub?.labels
    const { classes } = recognised.network
    if (labels !== undefined && classes > 0 && labels.length !== classes) {
      throw weightsError(entry.file, `expected ${classes} labels for the classifier's outputs, config.json or model.json has ${labels.length}`)
    }
    const description: ModelDescription = {
      ...recognised,
      id: entry.id,
      file: entry.file,
      format: tensors.format,
      preprocess,
      labels,
      license: ours?.license ?? hub?.license,
      source: ours?.source,
      reasons: [...recognised.reasons, `preprocessing: ${sources(entry).join(', then ')}`]
    }
    return { description, tensors, canonical }
  } catch (error) {
    tensors.close()
    throw error
  }
}

/** The description alone, for `inspect`. */
export function describeModel (entry: ModelEntry): ModelDescription {
  const { description, tensors } = openModel(entry)
  tensors.close()
  return description
}

function sources (entry: ModelEntry): string[] {
  return ['the dialect\'s', ...entry.hubConfig === undefined ? [] : ['config.json'], ...entry.modelJson === undefined ? [] : ['model.json']]
}
