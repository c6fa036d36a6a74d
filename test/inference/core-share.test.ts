import t from 'tap'
import { coreShare } from '../../src/inference/core-share.js'

/** A clock whose every look takes a microsecond, except that after `running` milliseconds the kernel takes the core away for `away`. */
function clock (running: number, away: number): () => number {
  let now = 0
  let since = 0
  return () => {
    const step = since >= running ? away : 0.001
    since = since >= running ? 0 : since + step
    now += step
    return now
  }
}

t.test('a thread that is never stopped has the whole core', async t => {
  t.equal(coreShare(30, clock(Infinity, 0)), 1)
  t.equal(coreShare(30, clock(1, 0.2)), 1, 'interrupts are no neighbours')
})

t.test('what the kernel gives to others is missing', async t => {
  t.ok(Math.abs(coreShare(30, clock(3, 3)) - 0.5) < 0.05)
  t.ok(Math.abs(coreShare(40, clock(2, 8)) - 0.2) < 0.05)
})
