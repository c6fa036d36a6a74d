import { TaskThread } from '../threads/task-thread.js'
import type { ModelEntry } from './folder.js'
import type { LoadedModel } from './load.js'

/**
 * As loadModel, in a thread that lives as long as the load: reading, folding and hashing a large checkpoint takes a second
 * that the event loop of a serving process does not have. The weights come back in shared memory, uncopied.
 */
export async function loadInThread (entry: ModelEntry): Promise<LoadedModel> {
  const thread = new TaskThread<ModelEntry, LoadedModel>(new URL('./load-worker.js', import.meta.url), { name: 'load', data: undefined })
  try {
    await thread.ready
    return await thread.run(entry)
  } finally {
    await thread.close()
  }
}
