import { ThreadPool } from '../threads/thread-pool.js'
import type { DecodedImage } from './decode-worker.js'
import type { ImageRequest } from './image.js'
import type { PrepareSettings } from './prepare.js'

export interface ImageDecoderOptions extends PrepareSettings {
  /** How many images are prepared at once, each on a thread of its own. */
  readonly threads: number
}

export interface PrepareOptions {
  readonly signal?: AbortSignal | undefined
  /** 1 to 3, 2 is usual. */
  readonly priority?: number
}

/** Prepares images on worker threads, first come, first served. */
export class ImageDecoder {
  readonly threads: number
  readonly #pool: ThreadPool<ImageRequest, DecodedImage>

  constructor ({ threads, ...settings }: ImageDecoderOptions) {
    this.threads = threads
    this.#pool = new ThreadPool(new URL('./decode-worker.js', import.meta.url), { name: 'decode', threads, data: settings })
  }

  /** Resolves when every thread is ready. */
  async ready (): Promise<void> {
    await this.#pool.ready()
  }

  /** Images no thread has taken yet. */
  get waiting (): number {
    return this.#pool.waiting
  }

  /**
   * `request.bytes` is given away when it is all of its ArrayBuffer (the caller's view is empty afterwards), else copied.
   * @throws ServiceError `empty_body`, `unsupported_image_type`, `image_too_large`, `image_not_decodable`, and
   * `not_ready` after close; the signal's reason when it aborts before a thread took the image
   */
  async prepare (request: ImageRequest, { signal, priority = 2 }: PrepareOptions = {}): Promise<DecodedImage> {
    const bytes = ownBytes(request.bytes)
    return await this.#pool.run({ ...request, bytes }, { transfer: [bytes.buffer], signal, priority })
  }

  /** Fails what waits, finishes what runs, ends the threads. */
  async close (): Promise<void> {
    await this.#pool.close()
  }
}

function ownBytes (bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes)
}
