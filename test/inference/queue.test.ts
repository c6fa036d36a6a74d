import t from 'tap'
import { Queue } from '../../src/inference/queue.js'

const entry = (id: number, key: string): { id: number, key: string } => ({ id, key })
const ids = (batch: Array<{ id: number }>): number[] => batch.map(({ id }) => id)

t.test('a batch is the oldest entry and the next of its key, in order, up to the limit', async t => {
  const queue = new Queue<{ id: number, key: string }>()
  for (const [id, key] of [[1, 'a'], [2, 'b'], [3, 'a'], [4, 'a'], [5, 'b']] as const) queue.push(entry(id, key))
  t.strictSame(ids(queue.take(2)), [1, 3])
  t.strictSame(ids(queue.take(8)), [2, 5])
  t.strictSame(ids(queue.take(8)), [4])
  t.strictSame(queue.take(8), [])
  t.equal(queue.size, 0)
})

t.test('a removed entry is not taken, and is gone once', async t => {
  const queue = new Queue<{ id: number, key: string }>()
  const [one, two] = [entry(1, 'a'), entry(2, 'a')]
  queue.push(one)
  queue.push(two)
  t.ok(queue.remove(one))
  t.notOk(queue.remove(one))
  t.equal(queue.count(({ key }) => key === 'a'), 1)
  t.strictSame(ids(queue.take(8)), [2])
})
