import t from 'tap'
import { LoopSteps } from '../../../src/inference/cache/loop-steps.js'

const MIB = 2 ** 20
const never = new AbortController().signal

t.test('the steps cover the whole, in order, none twice', async t => {
  for (const length of [0, 1, MIB, MIB + 1, 5 * MIB - 3]) {
    const steps = new LoopSteps()
    let end = 0
    await steps.walk(length, never, (from, to) => {
      t.equal(from, end)
      end = to
    })
    t.equal(end, length)
  }
})

t.test('all walks together take no more than 1 MiB of a turn of the loop', async t => {
  const steps = new LoopSteps()
  let turn = 0
  const walked: number[] = []
  const count = (): void => {
    turn++
    if (turn < 100) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all([3 * MIB, 7, 5 * MIB, MIB / 2].map(async length => await steps.walk(length, never, (from, to) => {
    walked[turn] = (walked[turn] ?? 0) + to - from
  })))
  const taken = Object.values(walked)
  t.equal(taken.reduce((sum, bytes) => sum + bytes), 8.5 * MIB + 7)
  t.ok(Math.max(...taken) <= MIB, `${Math.max(...taken)} bytes in a turn`)
})

t.test('what fits into a step is done at once', async t => {
  let done = false
  void new LoopSteps().walk(MIB, never, () => { done = true })
  t.ok(done)
})

t.test('an abort ends it between two steps', async t => {
  const abort = new AbortController()
  const steps = new LoopSteps()
  const reason = new Error('gone')
  let end = 0
  await t.rejects(steps.walk(3 * MIB, abort.signal, (_, to) => {
    end = to
    abort.abort(reason)
  }), reason)
  t.equal(end, MIB)
  await t.resolves(steps.walk(3 * MIB, never, () => {}), 'the next walk gets its turns')
})
