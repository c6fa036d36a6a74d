import { ServiceError, show } from '../errors.js'
import { findModels, type ModelEntry } from './folder.js'

/**
 * The models of the folder that `ids` names, in its order; all of them when it is empty.
 * @throws ServiceError weights_folder when the folder holds no model, or not one of those named
 */
export function selectModels (dir: string, ids: readonly string[]): ModelEntry[] {
  const found = findModels(dir)
  if (found.length === 0) throw new ServiceError('weights_folder', `${dir} must hold at least one model, found none; vovnet-serve init V-19-slim-dw-eSE writes one to try`, { param: 'WEIGHTS_DIR' })
  if (ids.length === 0) return found
  return ids.map(id => {
    const entry = found.find(one => one.id === id)
    if (entry === undefined) throw new ServiceError('weights_folder', `MODELS must name models of ${dir} (${found.map(one => one.id).join(', ')}), received ${show(id)}`, { param: 'MODELS' })
    return entry
  })
}
