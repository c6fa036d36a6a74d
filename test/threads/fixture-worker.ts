import { workerData } from 'node:worker_threads'
import { ServiceError } from '../../src/errors.js'
import { serveTasks } from '../../src/threads/serve-tasks.js'

await serveTasks<{ do: string, bytes?: Uint8Array }, unknown>(async () => {
  if (workerData === 'fail') throw new ServiceError('checkpoint_unreadable', 'no such file', { param: 'file' })
  return {
    async run (task) {
      if (task.do === 'double') {
        const bytes = task.bytes!.map(byte => byte * 2)
        return { result: bytes, transfer: [bytes.buffer as ArrayBuffer] }
      }
      if (task.do === 'refuse') throw new ServiceError('image_not_decodable', 'broken', { param: 'images[0]' })
      if (task.do === 'exit') process.exit(3)
      await new Promise(resolve => setTimeout(resolve, 50))
      return { result: 'slept', transfer: [] }
    }
  }
})
