import { deepestDepth } from '../model/shapes.js'
import { TaskThread } from '../threads/task-thread.js'
import type { LoadedModel } from '../weights/load.js'
import type { Trial } from './choose-device.js'
import { settingsOf } from './device.js'
import type { InferenceTask } from './task.js'

const WORKER = new URL('./worker.js', import.meta.url)

/** Checks every model on each of a device's GPUs, in a thread that is gone afterwards. */
export function deviceTrial (models: readonly LoadedModel[], worker: URL = WORKER): Trial {
  return async device => {
    for (let index = 0; index < Math.max(1, device.ids.length); index++) {
      const thread = new TaskThread<InferenceTask, unknown>(worker, { name: 'device-trial', data: settingsOf(device, index) })
      try {
        await thread.ready
        for (const { id, network, weights } of models) {
          await thread.run({ type: 'load', model: id, network, weights })
          await thread.run({ type: 'check', model: id, depth: deepestDepth(network), threads: 1 })
          await thread.run({ type: 'unload', model: id })
        }
      } finally {
        await thread.close()
      }
    }
  }
}
