import { ServiceError } from '../errors.js'
import { foldWeights, type FoldedWeights } from '../model/fold.js'
import { openModel, type ModelDescription } from './describe.js'
import { hashFile } from './file-hash.js'
import type { ModelEntry } from './folder.js'
import { stampOf } from './stamp.js'
import { weightsError } from './weights-error.js'

/** A model ready to be served. Plain data and one shared buffer: it may cross threads. */
export interface LoadedModel extends ModelDescription {
  /** Of the checkpoint file, lower-case hex. */
  readonly sha256: string
  readonly weights: FoldedWeights
}

/**
 * Opens, recognises and folds a model, one tensor in memory at a time.
 * @throws ServiceError what openModel throws; checkpoint_mismatch for a weight that is not finite; weights_folder when the
 * file changed while it was read
 */
export function loadModel (entry: ModelEntry): LoadedModel {
  const before = stampOf(entry.file)
  const { description, tensors, canonical } = openModel(entry)
  try {
    const { network, preprocess } = description
    const weights = namingFile(entry.file, canonical, () => foldWeights(network, preprocess.normalisation, name => tensors.read(canonical.get(name)!)))
    const sha256 = hashFile(entry.file)
    if (stampOf(entry.file) !== before) throw weightsError(entry.file, 'changed while it was being read')
    return { ...description, sha256, weights }
  } finally {
    tensors.close()
  }
}

/** Folding knows canonical names alone; whoever has to mend the file needs its name and the tensor's name in it. */
function namingFile<Result> (file: string, canonical: ReadonlyMap<string, string>, fold: () => Result): Result {
  try {
    return fold()
  } catch (error) {
    if (!(error instanceof ServiceError) || error.code !== 'checkpoint_mismatch') throw error
    const stored = canonical.get(error.param ?? '')
    throw new ServiceError(error.code, `${file}: ${error.message}${stored === error.param ? '' : `, stored as ${stored}`}`, { param: stored })
  }
}
