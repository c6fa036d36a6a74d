import t from 'tap'
import { nameOf, type Layout, type SearchSpace } from '../../src/inference/search-space.js'
import { BRIEF, THOROUGH, Tuner, type Effort, type Meter, type Tuned } from '../../src/inference/tuner.js'

interface Fake {
  /** Images a second by layout; NaN cannot run. Every further window of a layout is the next of its list. */
  readonly rates: Record<string, number | readonly number[]>
  readonly buildMs?: number
  readonly imageMs?: number
  /** What a run takes whatever its batch, in place of imageMs an image. */
  readonly runMs?: number
}

/** A network whose times are known, on a clock that only it moves. */
class FakeMeter implements Meter {
  readonly #fake: Fake
  readonly windows = new Map<string, number>()
  readonly #built = new Map([[1, 1]])
  readonly tried: string[] = []
  clock = 0

  constructor (fake: Fake) {
    this.#fake = fake
  }

  now (): number {
    return this.clock
  }

  #runMs ({ batch }: Layout): number {
    return this.#fake.runMs ?? (this.#fake.imageMs ?? 1) * batch
  }

  async probe (): Promise<{ buildMs: number, imageMs: number }> {
    const { buildMs = 1, imageMs = 1 } = this.#fake
    this.clock += buildMs
    return { buildMs, imageMs }
  }

  async prepare (layout: Layout): Promise<void> {
    const built = this.#built.get(layout.threads) ?? 0
    if (layout.instances > built) {
      this.clock += this.#fake.buildMs ?? 1
      this.#built.set(layout.threads, layout.instances)
    }
    this.clock += this.#runMs(layout)
    if (Number.isNaN(this.#fake.rates[nameOf(layout)])) throw new Error('out of memory')
  }

  async rate (layout: Layout, windowMs: number): Promise<number> {
    const runMs = this.#runMs(layout)
    this.clock += Math.ceil(windowMs / runMs) * runMs
    const name = nameOf(layout)
    const window = this.windows.get(name) ?? 0
    this.windows.set(name, window + 1)
    if (window === 0) this.tried.push(name)
    const rate = this.#fake.rates[name] ?? 0
    return typeof rate === 'number' ? rate : rate[window % rate.length]!
  }
}

const TWO_CORES: SearchSpace = {
  first: { instances: 2, threads: 1, batch: 1 },
  layouts: [{ instances: 1, threads: 2, batch: 1 }],
  largestBatch: 8,
  wide: [2, 1]
}

async function tune (fake: Fake, { space = TWO_CORES, effort = BRIEF }: { space?: SearchSpace, effort?: Effort } = {}): Promise<Tuned & { tried: string[], tookMs: number }> {
  const meter = new FakeMeter(fake)
  const tuned = await new Tuner(meter, effort).search(space)
  return { ...tuned, tried: meter.tried, tookMs: meter.clock }
}

t.test('the fastest wins', async t => {
  const { best, wideThreads, measured } = await tune({ rates: { '2x1 b1': 100, '1x2 b1': 150, '1x2 b2': 180, '1x2 b4': 170, '1x2 b8': 160, '1x1 b1': 50 } })
  t.strictSame([nameOf(best), wideThreads], ['1x2 b2', 2])
  t.strictSame(measured, { '2x1 b1': 100, '1x2 b1': 150, '1x2 b2': 180, '1x2 b4': 170, '1x2 b8': 160, '1x1 b1': 50 })
})

t.test('what is hardly faster does not replace what stands', async t => {
  t.equal(nameOf((await tune({ rates: { '2x1 b1': 100, '1x2 b1': 105, '2x1 b2': 104 } })).best), '2x1 b1')
  t.equal(nameOf((await tune({ rates: { '2x1 b1': 100, '1x2 b1': 106 } })).best), '1x2 b1')
})

t.test('what is faster only in some windows does not either', async t => {
  const winner = async (standing: number[], challenging: number[], effort = BRIEF): Promise<string> => nameOf((await tune({ rates: { '2x1 b1': standing, '1x2 b1': challenging } }, { effort })).best)
  t.equal(await winner([100, 100, 130], [140, 140, 120]), '1x2 b1')
  t.equal(await winner([100, 100, 145], [140, 140, 120]), '2x1 b1', 'the best window of what stands')
  t.equal(await winner([100, 125, 130], [140, 140, 120]), '2x1 b1', 'the worst of the challenger')
  t.equal(await winner([100, 100, 190, 100, 100], [140, 140, 90, 140, 140], THOROUGH), '1x2 b1', 'of five one may be disturbed')
  t.equal(await winner([100, 190, 190, 100, 100], [140, 140, 140, 140, 140], THOROUGH), '2x1 b1')
  t.equal(await winner([100, 100, 100, 100, 100], [140, 140, 90, 90, 140], THOROUGH), '2x1 b1')
})

t.test('the batch grows while that pays, and no further', async t => {
  const rates = { '2x1 b1': 100, '2x1 b2': 120, '2x1 b4': 140, '2x1 b8': 170 }
  t.strictSame((await tune({ rates })).best.batch, 8)
  t.equal((await tune({ rates: { ...rates, '2x1 b4': 121 } })).best.batch, 8, 'one step may fail')
  const { best, tried } = await tune({ rates: { '2x1 b1': 100, '2x1 b2': 99, '2x1 b4': 101, '2x1 b8': 170 } })
  t.equal(best.batch, 1)
  t.notOk(tried.includes('2x1 b8'), 'two end it')
})

t.test('a run alone takes fewer cores where that is faster', async t => {
  t.equal((await tune({ rates: { '1x2 b1': 100, '1x1 b1': 120 } })).wideThreads, 1)
  t.equal((await tune({ rates: { '1x2 b1': 100, '1x1 b1': 99 } })).wideThreads, 2)
})

t.test('a layout that cannot run is passed over', async t => {
  const { best, skipped } = await tune({ rates: { '2x1 b1': 100, '1x2 b1': NaN, '2x1 b2': 200, '2x1 b4': NaN } })
  t.equal(nameOf(best), '2x1 b2')
  t.strictSame(skipped, ['1x2 b1', '2x1 b4'])
})

t.test('the budget holds, and what it does not allow is named', async t => {
  const rates = { '2x1 b1': 6, '1x2 b1': 7, '1x2 b2': 8, '1x1 b1': 3 }
  // A run of a tenth of a second, half a second to build: some of it fits.
  const some = await tune({ rates, buildMs: 500, imageMs: 100 })
  t.ok(some.tookMs <= BRIEF.budgetMs, `${some.tookMs} ms`)
  t.equal(nameOf(some.best), '1x2 b1')
  t.strictSame(some.skipped, ['1x2 b2', '1x2 b4', '1x1 b1'])
  // A second to build: nothing does, and nothing is claimed.
  const none = await tune({ rates, buildMs: 1000, imageMs: 100 })
  t.ok(none.tookMs <= BRIEF.budgetMs, `${none.tookMs} ms`)
  t.strictSame([nameOf(none.best), none.wideThreads, none.measured], ['2x1 b1', 2, {}])
  t.strictSame(none.skipped, ['1x2 b1', '2x1 b2', '2x1 b4', '1x1 b1'])
})

t.test('the budget holds for many layouts, too', async t => {
  const layouts = [1, 2, 4, 8].map(threads => ({ instances: 8 / threads, threads, batch: 1 }))
  const { tookMs, skipped } = await tune({ rates: {}, buildMs: 50, imageMs: 150 }, { space: { first: layouts[0]!, layouts: layouts.slice(1), largestBatch: 1, wide: [8] } })
  t.ok(tookMs <= BRIEF.budgetMs, `${tookMs} ms`)
  t.strictSame(skipped, ['1x8 b1'])
})

t.test('what was measured is not measured again, but exactly it is', async t => {
  const rates = { '2x1 b1': 100, '1x2 b1': 150, '1x1 b1': 60 }
  const counts = async (effort: Effort): Promise<Record<string, number>> => {
    const meter = new FakeMeter({ rates })
    await new Tuner(meter, effort).search(TWO_CORES)
    return Object.fromEntries(meter.windows)
  }
  t.strictSame(await counts(BRIEF), { '1x2 b1': 3, '2x1 b1': 3, '1x2 b2': 3, '1x2 b4': 3, '1x1 b1': 3 })
  t.ok((await counts(THOROUGH))['2x1 b1']! > THOROUGH.rounds)
})

t.test('a device that does more at once than its first run let expect is tried further', async t => {
  const gpu: SearchSpace = { first: { instances: 1, threads: 1, batch: 1 }, layouts: [], largestBatch: 64, wide: [1] }
  const rates = Object.fromEntries([1, 2, 4, 8, 16, 32, 64].map(batch => [`1x1 b${batch}`, 200 * batch]))
  t.equal((await tune({ rates, imageMs: 20, runMs: 5 }, { space: gpu })).best.batch, 64)
})

t.test('a small network is done in a second', async t => {
  const { tookMs } = await tune({ rates: { '2x1 b1': 1000, '2x1 b2': 1200, '2x1 b4': 1400 }, buildMs: 50, imageMs: 1.2 })
  t.ok(tookMs < 1000, `${tookMs} ms`)
})

t.test('thorough finds the pair that pays only together', async t => {
  const rates = { '2x1 b1': 100, '2x1 b2': 90, '2x1 b4': 95, '1x2 b1': 80, '1x2 b2': 82, '1x2 b4': 130, '1x2 b8': 131 }
  t.equal(nameOf((await tune({ rates })).best), '2x1 b1')
  t.equal(nameOf((await tune({ rates }, { effort: THOROUGH })).best), '1x2 b4')
})
