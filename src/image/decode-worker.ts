import { workerData } from 'node:worker_threads'
import { serveTasks } from '../threads/serve-tasks.js'
import type { ImageRequest, PreparedImage } from './image.js'
import { prepare, type PrepareSettings } from './prepare.js'

/** `decodeMs`: milliseconds from the file to the prepared image, waiting for a thread not counted. */
export type DecodedImage = Omit<PreparedImage, 'data'> & { readonly data: Uint8Array<SharedArrayBuffer>, readonly decodeMs: number }

await serveTasks<ImageRequest, DecodedImage>(async () => {
  const settings = workerData as PrepareSettings
  return {
    async run (request) {
      const start = performance.now()
      const prepared = await prepare(request, settings)
      // It goes on to another thread, and again if a run fails: shared, nobody copies it on the event loop's time.
      const data = new Uint8Array(new SharedArrayBuffer(prepared.data.length))
      data.set(prepared.data)
      return { result: { ...prepared, data, decodeMs: performance.now() - start }, transfer: [] }
    }
  }
})
