import t, { type Test } from 'tap'
import { ThreadPool } from '../../src/threads/thread-pool.js'

const FILE = new URL('./fixture-worker.js', import.meta.url)

function pool (t: Test, threads: number): ThreadPool<{ do: string }, unknown> {
  const started = new ThreadPool<{ do: string }, unknown>(FILE, { name: 'fixture', threads, data: undefined })
  t.teardown(async () => await started.close())
  return started
}

t.test('tasks beyond the threads wait in order', async t => {
  const one = pool(t, 1)
  const order: number[] = []
  const tasks = [0, 1, 2].map(async index => { await one.run({ do: 'sleep' }); order.push(index) })
  t.equal(one.waiting, 2)
  await Promise.all(tasks)
  t.strictSame(order, [0, 1, 2])
})

t.test('an aborted task rejects at once with the reason, waiting or running, and its place goes to the next', async t => {
  const one = pool(t, 1)
  await one.ready()
  const abort = new AbortController()
  const running = one.run({ do: 'sleep' }, { signal: abort.signal })
  const waiting = one.run({ do: 'sleep' }, { signal: abort.signal })
  const next = one.run({ do: 'sleep' })
  const reason = new Error('gone')
  abort.abort(reason)
  t.equal(one.waiting, 1, 'the aborted one no longer waits')
  await t.rejects(running, reason)
  await t.rejects(waiting, reason)
  t.equal(await next, 'slept')
  await t.rejects(one.run({ do: 'sleep' }, { signal: abort.signal }), reason)
})

t.test('a thread that dies fails its task alone and is replaced', async t => {
  const one = pool(t, 1)
  const dying = one.run({ do: 'exit' })
  const next = one.run({ do: 'sleep' })
  await t.rejects(dying, { code: 'internal' })
  t.equal(await next, 'slept')
})

t.test('close fails what waits, finishes what runs', async t => {
  const one = pool(t, 1)
  const running = one.run({ do: 'sleep' })
  const waiting = one.run({ do: 'sleep' })
  waiting.catch(() => {})
  await one.close()
  t.equal(await running, 'slept')
  await t.rejects(waiting, { code: 'not_ready' })
  await t.rejects(one.run({ do: 'sleep' }), { code: 'not_ready' })
})
