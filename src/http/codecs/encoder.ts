import { ThreadPool } from '../../threads/thread-pool.js'
import { encodeAnswer, type Answer, type MediaType } from './answer.js'
import type { EncodeTask } from './encode-worker.js'

/** Above this an answer is encoded in a thread: 64 KiB as nested lists cost about 5 ms of the event loop, posting them 0.2 ms. */
const INLINE_BYTES = 2 ** 16

/** Writes answers: small ones where it is called, large ones in a thread, so that the event loop never stands still for one. */
export class Encoder {
  readonly #pool = new ThreadPool<EncodeTask, Uint8Array>(new URL('./encode-worker.js', import.meta.url), { name: 'encode', threads: 1, data: undefined })

  async ready (): Promise<void> {
    await this.#pool.ready()
  }

  async encode (answer: Answer, type: MediaType, signal: AbortSignal): Promise<Buffer> {
    const arrays = dataOf(answer)
    const size = arrays.reduce((sum, data) => sum + data.byteLength, 0)
    if (size <= INLINE_BYTES) return encodeAnswer(answer, type)
    // What lies in shared memory is a kept result's and reaches the thread as it is.
    const transfer = new Set(arrays.filter(data => data.byteLength === data.buffer.byteLength).map(data => data.buffer).filter(buffer => buffer instanceof ArrayBuffer))
    const encoded = await this.#pool.run({ answer, type }, { transfer: [...transfer], signal })
    return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  }

  async close (): Promise<void> {
    await this.#pool.close()
  }
}

function dataOf (answer: Answer): ArrayBufferView[] {
  if (answer.kind === 'stacked') return [answer.array.data]
  if (answer.kind === 'embeddings') return [...answer.vectors]
  return answer.images.flatMap(image => image.features.map(({ array }) => array.data))
}
