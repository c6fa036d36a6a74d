import { workerData } from 'node:worker_threads'
import { serveTasks } from '../threads/serve-tasks.js'
import type { ImageRequest, PreparedImage } from './image.js'
import { prepare, type PrepareSettings } from './prepare.js'

/** `decodeMs`: milliseconds from the file to the prepared image, waiting for a thread not counted. */
export type DecodedImage = PreparedImage & { readonly decodeMs: number }

await serveTasks<ImageRequest, DecodedImage>(async () => {
  const settings = workerData as PrepareSettings
  return {
    async run (request) {
      const start = performance.now()
      const prepared = await prepare(request, settings)
      return { result: { ...prepared, decodeMs: performance.now() - start }, transfer: [prepared.data.buffer] }
    }
  }
})
