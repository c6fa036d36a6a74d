import t, { type Test } from 'tap'
import { TaskThread } from '../../src/threads/task-thread.js'

const FILE = new URL('./fixture-worker.js', import.meta.url)

interface Task { do: string, bytes?: Uint8Array }

function thread (t: Test, data: unknown = undefined): TaskThread<Task, unknown> {
  const started = new TaskThread<Task, unknown>(FILE, { name: 'fixture', data })
  t.teardown(async () => await started.close())
  return started
}

t.test('buffers travel both ways without being copied', async t => {
  const one = thread(t)
  await one.ready
  const bytes = new Uint8Array([1, 2, 3])
  t.strictSame(await one.run({ do: 'double', bytes }, [bytes.buffer]), new Uint8Array([2, 4, 6]))
  t.equal(bytes.length, 0, 'the sent buffer was transferred')
})

t.test('a coded error keeps its class, code and param', async t => {
  const one = thread(t)
  await t.rejects(one.run({ do: 'refuse' }), { name: 'ServiceError', code: 'image_not_decodable', status: 422, param: 'images[0]' })
  t.equal(await one.run({ do: 'sleep' }), 'slept', 'and the thread lives on')
})

t.test('tasks are done one after the other, in order, and a failing one does not disturb the next', async t => {
  const one = thread(t)
  const ended: string[] = []
  const sleeping = one.run({ do: 'sleep' }).then(() => ended.push('sleep'))
  const refused = one.run({ do: 'refuse' }).catch(() => ended.push('refuse'))
  const doubled = one.run({ do: 'double', bytes: new Uint8Array([4]) }).then(() => ended.push('double'))
  t.equal(one.tasks, 3)
  await Promise.all([sleeping, refused, doubled])
  t.strictSame(ended, ['sleep', 'refuse', 'double'])
  t.equal(one.tasks, 0)
})

t.test('a thread that ends fails everything in hand', async t => {
  const one = thread(t)
  const both = await Promise.allSettled([one.run({ do: 'exit' }), one.run({ do: 'sleep' })])
  t.strictSame(both.map(({ status }) => status), ['rejected', 'rejected'])
})

t.test('close waits for the task in hand', async t => {
  const one = thread(t)
  const task = one.run({ do: 'sleep' })
  await one.close()
  t.equal(await task, 'slept')
  t.notOk(one.alive)
})

t.test('a start that fails rejects ready with its code, and close returns', async t => {
  const one = thread(t, 'fail')
  await t.rejects(one.ready, { code: 'checkpoint_unreadable', param: 'file' })
})

t.test('a thread that ends fails its task and says so', async t => {
  const one = thread(t)
  await t.rejects(one.run({ do: 'exit' }), { code: 'internal', message: /ended with code 3/ })
  t.notOk(one.alive)
  await t.rejects(one.run({ do: 'sleep' }), { code: 'internal' })
})
