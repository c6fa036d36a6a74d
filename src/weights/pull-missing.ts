import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ServiceError } from '../errors.js'
import { isRepository, pullModel } from './pull.js'
import { progressWriter, type ProgressOutput } from './pull-progress.js'
import type { Hub } from './pull-request.js'

/**
 * Pulls, one after the other, the models that are named as a hub's repository and are not in the weights folder.
 * @throws ServiceError what pullModel throws, with the model's id in front
 */
export async function pullMissing (hub: Hub, ids: readonly string[], dir: string, output: ProgressOutput): Promise<void> {
  for (const id of ids.filter(id => isRepository(id) && !existsSync(join(dir, id)))) {
    const progress = progressWriter(output)
    output.write(`${id} is not in ${dir}, pulling it from ${hub.endpoint}\n`)
    try {
      await pullModel(hub, {
        repository: id,
        revision: 'main',
        dir,
        id,
        onProgress: progress.onProgress,
        onWait: () => output.write(`another process is pulling ${id}, waiting for it\n`)
      })
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      throw new ServiceError(error.code, `MODELS names ${id}, which is not in ${dir} and cannot be pulled: ${error.message}`, { param: 'MODELS', cause: error })
    } finally {
      progress.end()
    }
  }
}
