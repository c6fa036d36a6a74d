import { join } from 'node:path'
import sharp from 'sharp'
import type { Test } from 'tap'
import { buildApp, type App } from '../src/app.js'
import { readConfig } from '../src/config.js'
import { CPU } from '../src/inference/device.js'
import type { Tracing } from '../src/tracing/sdk.js'
import { modelAt } from '../src/weights/folder.js'
import { loadModel } from '../src/weights/load.js'

/** The embedded default model, as the repository holds it. */
export const DEFAULT_MODEL = join(process.cwd(), 'weights', 'vovnet19-slim-dw-cifar10')

export interface TestAppOptions {
  readonly settings?: Record<string, string>
  readonly models?: readonly string[]
  readonly maxBatchSize?: number
  readonly instances?: number
  readonly tracing?: Tracing
}

/** The whole service with its real engine, closed with the test. */
export async function buildTestApp (t: Test, { settings = {}, models = [DEFAULT_MODEL], maxBatchSize = 1, instances = 1, tracing }: TestAppOptions = {}): Promise<App> {
  const app = await buildApp({
    config: readConfig(settings),
    device: CPU,
    models: models.map(model => ({ model: loadModel(modelAt(model)), plan: { instances, threadsPerInstance: 1, wideThreads: 1, maxBatchSize } })),
    decodeThreads: 1,
    tracing
  })
  t.teardown(async () => await app.http.close())
  await app.warm()
  return app
}

/** A generated picture: smooth colours with some noise, so that no two places look alike. */
export async function picture (width: number, height: number, format: 'jpeg' | 'png' | 'webp' = 'jpeg'): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3)
  for (let index = 0; index < data.length; index++) {
    const x = Math.floor(index / 3) % width
    const y = Math.floor(index / 3 / width)
    data[index] = (128 + 80 * Math.sin(x / (5 + index % 3)) + 40 * Math.cos(y / 7) + (index * 2654435761 % 17)) & 255
  }
  return await sharp(data, { raw: { width, height, channels: 3 } }).toFormat(format).toBuffer()
}

export interface Part { readonly name: string, readonly value: string | Buffer }

/** A multipart body; a Buffer is a file, a string a field. */
export function form (parts: readonly Part[]): { payload: Buffer, headers: Record<string, string> } {
  const boundary = 'test-boundary-7f3a'
  const chunks = parts.flatMap(({ name, value }) => [
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"${typeof value === 'string' ? '' : '; filename="photo"\r\ncontent-type: application/octet-stream'}\r\n\r\n`),
    Buffer.from(value as Buffer), Buffer.from('\r\n')
  ])
  return { payload: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]), headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}

/** base64 little-endian float32. */
export function floats (base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
  return new Float32Array(bytes.buffer)
}
