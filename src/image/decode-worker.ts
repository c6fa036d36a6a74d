import { workerData } from 'node:worker_threads'
import { serveTasks } from '../threads/serve-tasks.js'
import type { ImageRequest, PreparedImage } from './image.js'
import { prepare } from './prepare.js'

export interface DecodeSettings {
  readonly maxPixels: number
  /** fast: large JPEGs are decoded at a half, a quarter or an eighth, a few levels off. exact: never. */
  readonly mode: 'exact' | 'fast'
}

/** `decodeMs`: milliseconds from the file to the prepared image, waiting for a thread not counted. */
export type DecodedImage = PreparedImage & { readonly decodeMs: number }

await serveTasks<ImageRequest, DecodedImage>(async () => {
  const { maxPixels } = workerData as DecodeSettings
  return {
    async run (request) {
      const start = performance.now()
      const prepared = await prepare(request, maxPixels)
      return { result: { ...prepared, decodeMs: performance.now() - start }, transfer: [prepared.data.buffer] }
    }
  }
})
