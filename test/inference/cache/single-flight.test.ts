import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { SingleFlight } from '../../../src/inference/cache/single-flight.js'

/** Work that ends when told to. */
class Work {
  readonly signals: AbortSignal[] = []
  resolve!: (value: string) => void
  reject!: (error: Error) => void

  readonly start = async (signal: AbortSignal): Promise<string> => await new Promise<string>((resolve, reject) => {
    this.signals.push(signal)
    this.resolve = resolve
    this.reject = reject
  })
}

const never = (): AbortSignal => new AbortController().signal

t.test('equal work at once is done once, other work beside it, and later work again', async t => {
  const flights = new SingleFlight<string>()
  const [a, b] = [new Work(), new Work()]
  const answers = [flights.run('a', never(), a.start), flights.run('a', never(), a.start), flights.run('b', never(), b.start)]
  t.equal(a.signals.length, 1)
  t.equal(b.signals.length, 1)
  t.ok(flights.has('a'))
  a.resolve('A')
  b.resolve('B')
  t.strictSame(await Promise.all(answers), ['A', 'A', 'B'])
  t.notOk(flights.has('a'))
  void flights.run('a', never(), a.start)
  t.equal(a.signals.length, 2)
})

t.test('who leaves is told at once and does not end the work of the others, though it began it', async t => {
  const flights = new SingleFlight<string>()
  const work = new Work()
  const [first, second] = [new AbortController(), new AbortController()]
  const gone = flights.run('a', first.signal, work.start)
  const stays = flights.run('a', second.signal, work.start)
  const reason = new Error('hung up')
  first.abort(reason)
  await t.rejects(gone, reason)
  t.notOk(work.signals[0]!.aborted)
  work.resolve('A')
  t.equal(await stays, 'A')
  second.abort(new Error('too late'))
  t.notOk(work.signals[0]!.aborted, 'who has the value waits no more')
})

t.test('the work is ended when the last one leaves, and who comes then begins anew', async t => {
  const flights = new SingleFlight<string>()
  const work = new Work()
  const aborts = [new AbortController(), new AbortController()]
  const answers = aborts.map(async ({ signal }) => await flights.run('a', signal, work.start))
  const outcomes = Promise.allSettled(answers)
  aborts[0]!.abort(new Error('1'))
  aborts[1]!.abort(new Error('2'))
  t.ok(work.signals[0]!.aborted)
  t.match(await outcomes, [{ reason: { message: '1' } }, { reason: { message: '2' } }])
  t.notOk(flights.has('a'))
  const { reject } = work
  const next = flights.run('a', never(), work.start)
  t.equal(work.signals.length, 2)
  reject(new Error('the first work notices'))
  await turn()
  t.ok(flights.has('a'), 'the end of the old work does not take the new one along')
  work.resolve('A')
  t.equal(await next, 'A')
})

t.test('a failure is everybody\'s, and nobody\'s after that', async t => {
  const flights = new SingleFlight<string>()
  const work = new Work()
  const answers = [flights.run('a', never(), work.start), flights.run('a', never(), work.start)]
  const failure = new Error('broken')
  work.reject(failure)
  for (const { status } of await Promise.allSettled(answers)) t.equal(status, 'rejected')
  const next = flights.run('a', never(), work.start)
  work.resolve('A')
  t.equal(await next, 'A')
})

t.test('who has left already starts nothing', async t => {
  const flights = new SingleFlight<string>()
  const work = new Work()
  await t.rejects(flights.run('a', AbortSignal.abort(new Error('gone')), work.start), { message: 'gone' })
  t.equal(work.signals.length, 0)
})
