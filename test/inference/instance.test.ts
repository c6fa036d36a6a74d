import t, { type Test } from 'tap'
import { Instance } from '../../src/inference/instance.js'
import type { RunTask } from '../../src/inference/task.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'
import { EXIT, HANG } from './faulty-worker.js'

const { network, weights } = loadModel(modelAt(DEFAULT_MODEL))
const SIDE = 128

async function instance (t: Test): Promise<Instance> {
  const one = new Instance(new URL('./faulty-worker.js', import.meta.url), 0, { provider: 'cpu', precision: 'fp32' }, () => {})
  t.teardown(async () => await one.close())
  await one.ready()
  await one.chore({ type: 'load', model: 'm', network, weights })
  one.started()
  await one.run(task(1), LIMIT).result // builds the session
  return one
}

const LIMIT = { model: 'm', limitMs: 10_000 }

function task (images: number, mark: number[] = []): RunTask {
  const data = new Uint8Array(SIDE * SIDE * 3).fill(7)
  data.set(mark)
  return { type: 'run', model: 'm', depth: 'stage5', threads: 1, width: SIDE, height: SIDE, paddedTo: images, images: Array.from({ length: images }, () => ({ data, outputs: ['stage5.avg' as const] })) }
}

t.test('a second run is taken ahead, a third is not, and the answers come in order', async t => {
  const one = await instance(t)
  t.notOk(one.takesAhead, 'idle')
  const ended: string[] = []
  const first = one.run(task(8), LIMIT)
  t.ok(one.takesAhead)
  t.notOk(first.waits())
  const second = one.run(task(1), LIMIT)
  t.notOk(one.takesAhead)
  t.ok(second.waits())
  await Promise.all([first.result.then(() => ended.push('first')), second.result.then(() => ended.push('second'))])
  t.strictSame(ended, ['first', 'second'])
  t.notOk(second.waits())
  t.equal(one.state, 'idle')
})

t.test('a batch withdrawn in time is never computed; the one being computed goes on', async t => {
  const one = await instance(t)
  const [first, second] = [one.run(task(16), LIMIT), one.run(task(1), LIMIT)]
  second.withdraw()
  await t.rejects(second.result, { name: 'NotBegun' })
  t.equal((await first.result).images.length, 16)
  const late = one.run(task(16), LIMIT)
  await new Promise(resolve => setTimeout(resolve, 20))
  late.withdraw()
  t.equal((await late.result).images.length, 16, 'too late')
})

t.test('a chore waits for the runs in hand and keeps further ones from being taken ahead', async t => {
  const one = await instance(t)
  const first = one.run(task(8), LIMIT)
  const chore = one.chore({ type: 'unload', model: 'other' })
  t.notOk(one.takesAhead)
  await Promise.all([first.result, chore])
  t.equal(one.state, 'idle')
})

t.test('a thread that ends takes the run it computes along, the one behind was not begun', async t => {
  const one = await instance(t)
  const [first, second] = [one.run(task(1, EXIT), LIMIT), one.run(task(1), LIMIT)]
  await t.rejects(first.result, { code: 'internal' })
  await t.rejects(second.result, { name: 'NotBegun' })
  t.equal(one.state, 'dead')
})

t.test('the time of a run counts from its own turn; behind one that hangs nothing was begun', async t => {
  const one = await instance(t)
  const started = performance.now()
  await one.run(task(32), LIMIT).result
  const runMs = performance.now() - started
  const [, second] = [one.run(task(32), LIMIT), one.run(task(32), { model: 'm', limitMs: 1.7 * runMs })]
  t.equal((await second.result).images.length, 32, 'two runs take longer than its limit, it does not')
  const [hung, behind] = [one.run(task(1, HANG), { model: 'm', limitMs: 100 }), one.run(task(1), LIMIT)]
  await t.rejects(hung.result, { code: 'run_timeout' })
  await t.rejects(behind.result, { name: 'NotBegun' })
  t.equal(one.state, 'hung')
})
