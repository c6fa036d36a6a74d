import t from 'tap'
import { QuietThreads } from '../../src/inference/quiet-threads.js'

/** Runs that take so many milliseconds by their threads; what was chosen, in order. */
function run (quiet: QuietThreads, group: string, takes: Record<number, number>, runs: number): number[] {
  return Array.from({ length: runs }, () => {
    const threads = quiet.choose(group, [2, 1])
    quiet.observe(group, threads, takes[threads]!)
    return threads
  })
}

t.test('each choice is tried, the widest first; then the faster one runs, for each group by itself', async t => {
  const quiet = new QuietThreads()
  t.strictSame(run(quiet, 'large', { 1: 10, 2: 6 }, 9), [2, 2, 2, 1, 1, 1, 2, 2, 2])
  t.strictSame(run(quiet, 'small', { 1: 1, 2: 2 }, 9), [2, 2, 2, 1, 1, 1, 1, 1, 1])
})

t.test('the other choice is looked at again now and then, and taken once it has become the faster', async t => {
  const quiet = new QuietThreads()
  const before = run(quiet, 'g', { 1: 10, 2: 6 }, 200)
  t.equal(before.slice(6).filter(threads => threads === 1).length, 3)
  const after = run(quiet, 'g', { 1: 10, 2: 30 }, 200)
  t.ok(after.slice(20).filter(threads => threads === 1).length > 170, 'within a few runs')
})

t.test('a slow first run, that allocates, does not decide', async t => {
  const quiet = new QuietThreads()
  for (const milliseconds of [500, 6, 6]) quiet.observe('g', 2, milliseconds)
  t.equal(run(quiet, 'g', { 1: 10, 2: 6 }, 10).at(-1), 2)
})

t.test('one choice is no choice', async t => {
  const quiet = new QuietThreads()
  t.strictSame([0, 1, 2, 3].map(() => { quiet.observe('g', 4, 1); return quiet.choose('g', [4]) }), [4, 4, 4, 4])
})
