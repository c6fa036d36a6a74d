import { serveTasks } from '../threads/serve-tasks.js'
import type { ModelEntry } from './folder.js'
import { loadModel, type LoadedModel } from './load.js'

await serveTasks<ModelEntry, LoadedModel>(async () => ({
  run: async entry => ({ result: loadModel(entry), transfer: [] })
}))
