import { serveTasks } from '../../threads/serve-tasks.js'
import { encodeAnswer, type Answer, type MediaType } from './answer.js'

export interface EncodeTask {
  readonly answer: Answer
  readonly type: MediaType
}

await serveTasks<EncodeTask, Uint8Array>(async () => ({
  async run ({ answer, type }) {
    const encoded = encodeAnswer(answer, type)
    // A small Buffer lies in Node's shared pool, which must not be transferred.
    const own = encoded.byteLength === encoded.buffer.byteLength ? encoded : Uint8Array.from(encoded)
    return { result: own, transfer: own.buffer instanceof ArrayBuffer ? [own.buffer] : [] }
  }
}))
