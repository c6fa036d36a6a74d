import t from 'tap'
import { ServiceError } from '../../src/errors.js'
import { judge } from '../../src/inference/isolation.js'

const jobs = (...ids: number[]): Array<{ id: number, attempts: number }> => ids.map(id => ({ id, attempts: 0 }))
const ids = (batches: Array<Array<{ id: number }>>): number[][] => batches.map(batch => batch.map(({ id }) => id))

t.test('a failing batch is halved until one image is left, which alone gets the error', async t => {
  const error = new Error('bad')
  t.strictSame(ids(judge(jobs(1, 2, 3, 4, 5), error, true).retry), [[1, 2, 3], [4, 5]])
  t.strictSame(ids(judge(jobs(1, 2), error, true).retry), [[1], [2]])
  const last = judge(jobs(1), error, true)
  t.strictSame(last.retry, [])
  t.equal(last.reject[0]!.error, error)
})

t.test('a batch lost with its thread is repeated once, each image by itself', async t => {
  const batch = jobs(1, 2, 3)
  batch[1]!.attempts = 1
  const verdict = judge(batch, new Error('exit'), false)
  t.strictSame(ids(verdict.retry), [[1], [3]])
  t.strictSame(verdict.reject.map(({ job }) => job.id), [2])
})

t.test('out of memory is known by its words, and coded where no smaller batch is left', async t => {
  for (const words of ['CUDA failure 2: out of memory', 'Failed to allocate memory for requested buffer of size 1', 'std::bad_alloc']) {
    t.ok(judge(jobs(1, 2), new Error(words), true).outOfMemory, words)
    t.match(judge(jobs(1), new Error(words), true).reject[0]!.error, { code: 'device_out_of_memory', status: 503 } as Partial<ServiceError>)
  }
  t.notOk(judge(jobs(1, 2), new Error('Invalid rank'), true).outOfMemory)
})
