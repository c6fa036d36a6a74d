import t from 'tap'
import { progressWriter } from '../../src/weights/pull-progress.js'

/** One file of 100 MB, 1 MB every 100 ms, then the second half at once; what was written. */
function run (output: { isTTY?: boolean, columns?: number }): string[] {
  const written: string[] = []
  let now = 0
  const { onProgress, end } = progressWriter({ ...output, write: text => { written.push(text) } }, () => now)
  const total = 100e6
  for (let done = 40e6; done <= 90e6; done += 1e6, now += 100) onProgress({ file: 'model.safetensors', done, total })
  now += 50
  onProgress({ file: 'model.safetensors', done: total, total })
  end()
  return written
}

t.test('a terminal gets a bar that is drawn over itself and ends its line', async t => {
  const bars = run({ isTTY: true, columns: 200 })
  t.equal(bars[0], '\r\u001b[K[##########--------------] model.safetensors: 40.0 MB of 100.0 MB (40 %)', 'what was there before is no speed')
  t.equal(bars[10], '\r\u001b[K[############------------] model.safetensors: 50.0 MB of 100.0 MB (50 %), 10.0 MB/s, 5 s left')
  t.equal(bars.at(-2), '\r\u001b[K[########################] model.safetensors: 100.0 MB of 100.0 MB (100 %), 11.7 MB/s')
  t.equal(bars.at(-1), '\n')
  t.ok(run({ isTTY: true, columns: 40 }).every(bar => bar.length <= 43), 'a narrow one too')
})

t.test('anything else gets a line every five seconds and at the end', async t => {
  t.strictSame(run({}), [
    'model.safetensors: 90.0 MB of 100.0 MB (90 %), 10.0 MB/s, 1 s left\n',
    'model.safetensors: 100.0 MB of 100.0 MB (100 %), 11.7 MB/s\n'
  ])
})

t.test('a length nobody said, hours, a beginning anew', async t => {
  const written: string[] = []
  let now = 0
  const { onProgress } = progressWriter({ write: text => { written.push(text) } }, () => now)
  onProgress({ file: 'a', done: 0, total: undefined })
  now = 6000
  onProgress({ file: 'a', done: 600, total: undefined })
  now = 12000
  onProgress({ file: 'a', done: 100, total: 1e9 })
  now = 18000
  onProgress({ file: 'a', done: 600_100, total: 1e9 })
  t.strictSame(written, ['a: 0.6 kB, 0.1 kB/s\n', 'a: 0.1 kB of 1000.0 MB (0 %)\n', 'a: 600.1 kB of 1000.0 MB (0 %), 100.0 kB/s, 2 h 46 min left\n'])
})
