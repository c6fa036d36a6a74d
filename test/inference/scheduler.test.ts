import fc from 'fast-check'
import t from 'tap'
import { AGEING_MS, Scheduler, TIGHT_MS, type Job, type SchedulerLimits } from '../../src/inference/scheduler.js'

interface Image extends Job { readonly id: number }

let nextId = 0
const image = (more: Partial<Image> = {}): Image => ({ id: nextId++, base: 'm 64x64', depth: 4, joinsDeeper: true, priority: 2, queuedAt: 0, deadline: 30_000, ...more })

/** A run takes 10 ms whatever it holds, like a GPU; limits as each test wants them. */
function scheduler (more: Partial<SchedulerLimits<Image>> = {}): Scheduler<Image> {
  return new Scheduler<Image>({ maxDelayMs: 0, batchLimit: () => 4, paddedTo: (_job, images) => images, runMs: () => 10, ...more })
}

const anywhere = (): boolean => true
const add = (to: Scheduler<Image>, ...images: Image[]): void => images.forEach(one => to.add(one))

function take (from: Scheduler<Image>, now = 0, mayRun: (job: Image) => boolean = anywhere): number[] {
  const next = from.next(now, mayRun)
  return next !== undefined && 'batch' in next ? next.batch.map(({ id }) => id) : []
}

t.beforeEach(() => { nextId = 0 })

t.test('an idle instance takes what is there at once, in order, up to the batch size', async t => {
  const queue = scheduler()
  add(queue, ...Array.from({ length: 6 }, () => image()))
  t.strictSame(take(queue), [0, 1, 2, 3])
  t.strictSame(take(queue), [4, 5])
  t.strictSame(queue.next(0, anywhere), undefined)
})

t.test('batches are of one model, size and depth', async t => {
  const queue = scheduler()
  add(queue, image(), image({ base: 'm 96x96' }), image({ depth: 2 }), image(), image({ base: 'n 64x64' }))
  t.strictSame([take(queue), take(queue), take(queue), take(queue)], [[0, 3], [1], [2], [4]])
})

t.test('groups take turns by run time: a flood leaves the others their share', async t => {
  const queue = scheduler({ batchLimit: () => 1 })
  add(queue, ...Array.from({ length: 20 }, () => image()))
  for (let run = 0; run < 5; run++) take(queue)
  add(queue, image({ base: 'm 96x96', queuedAt: 100 }), image({ base: 'm 96x96', queuedAt: 100 }))
  const order = [take(queue, 100), take(queue, 100), take(queue, 100), take(queue, 100)].flat()
  t.strictSame(order.filter(id => id >= 20), [20, 21], 'the newcomers run within the next four')
  t.ok(order.indexOf(20) <= 1, 'and the first of them at once or next')
})

t.test('a group whose runs are long gets as much time as the others, not as many runs', async t => {
  const queue = scheduler({ batchLimit: () => 1, runMs: job => job.base === 'heavy' ? 100 : 10 })
  for (let index = 0; index < 40; index++) add(queue, image({ base: 'heavy' }), image({ base: 'light' }))
  const first22 = Array.from({ length: 22 }, () => take(queue)[0]!)
  const heavy = first22.filter(id => id % 2 === 0).length
  t.ok(heavy >= 2 && heavy <= 3, `${heavy} heavy runs among 22`)
})

t.test('priorities go first; ageing levels them', async t => {
  const queue = scheduler({ batchLimit: () => 1 })
  add(queue, image({ priority: 3 }), image(), image({ priority: 1 }))
  t.strictSame([take(queue), take(queue), take(queue)], [[2], [1], [0]])
  // waited two steps: a 3 counts as a 1 and was here before
  add(queue, image({ priority: 3, queuedAt: 0, deadline: 20_000 }), image({ priority: 1, queuedAt: 2 * AGEING_MS }))
  t.strictSame(take(queue, 2 * AGEING_MS), [3])
})

t.test('deadlines order a group; a tight one goes before other groups', async t => {
  const queue = scheduler({ batchLimit: () => 1 })
  add(queue, image({ deadline: 20_000 }), image({ deadline: 10_000 }), image({ deadline: 15_000 }))
  t.strictSame([take(queue), take(queue), take(queue)], [[1], [2], [0]])
  add(queue, image({ base: 'other' }), image({ deadline: TIGHT_MS - 1 }))
  t.strictSame(take(queue), [4])
})

t.test('a delay is waited only where it pays, and never past the delay or a deadline', async t => {
  // a run costs 10 ms and 1 ms an image: one more image aboard saves 10
  const limits = { maxDelayMs: 5, runMs: (_job: Image, images: number) => 10 + images }
  const queue = scheduler(limits)
  add(queue, image({ queuedAt: 0 }))
  t.strictSame(take(queue, 0), [0], 'nothing says that another will come')
  add(queue, image({ queuedAt: 10 }), image({ queuedAt: 11 }))
  t.strictSame(queue.next(11, anywhere), { waitUntil: 15 }, 'they come 1 ms apart: two waiting 1 ms each save 10')
  t.strictSame(take(queue, 15), [1, 2])
  add(queue, image({ queuedAt: 20 }), image({ queuedAt: 21 }), image({ queuedAt: 21 }), image({ queuedAt: 21 }))
  t.strictSame(take(queue, 21), [3, 4, 5, 6], 'a full batch goes at once')
  add(queue, image({ queuedAt: 30, deadline: 56 }), image({ queuedAt: 31, deadline: 57 }))
  t.strictSame(take(queue, 31), [7, 8], 'two runs before the deadline are left: go')
  const cpu = scheduler({ ...limits, runMs: (_job, images) => 10 * images })
  add(cpu, image({ queuedAt: 0 }), image({ queuedAt: 1 }))
  t.equal(take(cpu, 1).length, 2, 'where a batch saves nothing, nothing waits')
})

t.test('while one group waits to fill, another runs', async t => {
  const queue = scheduler({ maxDelayMs: 50, runMs: (_job, images) => 10 + images })
  add(queue, image({ queuedAt: 0 }), image({ queuedAt: 1 }), image({ base: 'other', queuedAt: 1 }))
  t.strictSame(take(queue, 1), [2])
  t.strictSame(queue.next(1, anywhere), { waitUntil: 50 })
})

t.test('shallow images fill only the places a deeper batch would compute empty', async t => {
  const queue = scheduler({ paddedTo: (_job, images) => 2 ** Math.ceil(Math.log2(images)) })
  add(queue, image(), image(), image(), image({ depth: 2 }), image({ depth: 1 }), image({ depth: 2, joinsDeeper: false }))
  t.strictSame(take(queue), [0, 1, 2, 3], 'three are padded to four: one place is free')
  t.strictSame([take(queue), take(queue)].flat().sort(), [4, 5], 'and the others run by themselves')
  const cpu = scheduler()
  add(cpu, image(), image({ depth: 2 }))
  t.strictSame(take(cpu), [6], 'without padding no place is free')
})

t.test('what may not run on this instance is passed over', async t => {
  const queue = scheduler()
  const mayRun = (job: Image): boolean => job.base !== 'm 64x64'
  add(queue, image(), image({ base: 'other' }))
  t.strictSame(take(queue, 0, mayRun), [1])
  t.equal(queue.next(0, mayRun), undefined)
  t.equal(queue.size, 1)
})

t.test('a batch goes ahead of its turn only where as many wait as fill one on every instance, its run is short, and it is next', async t => {
  const runMs = (job: Image): number | undefined => job.base === 'new' ? undefined : job.base === 'slow' ? 200 : 10
  const surplus = (queue: Scheduler<Image>): number[] | undefined => queue.surplus(0, anywhere, { instances: 2, longestMs: 100 })?.map(({ id }) => id)
  const queue = scheduler({ batchLimit: () => 2, runMs })
  add(queue, image(), image(), image())
  t.equal(surplus(queue), undefined, 'the other instance would be left without')
  add(queue, image())
  t.strictSame(surplus(queue), [0, 1])
  t.equal(surplus(queue), undefined)
  for (const base of ['slow', 'new']) {
    const long = scheduler({ batchLimit: () => 1, runMs })
    add(long, ...Array.from({ length: 9 }, () => image({ base })))
    t.equal(surplus(long), undefined, base)
    t.equal(long.size, 9)
  }
  add(queue, image(), image(), image({ base: 'slow', priority: 1 }))
  t.equal(surplus(queue), undefined, 'the others must not keep what is more urgent from its turn')
})

t.test('a removed image is not taken, and is gone once', async t => {
  const queue = scheduler()
  const [one, two] = [image(), image()]
  add(queue, one, two)
  t.ok(queue.remove(one))
  t.notOk(queue.remove(one))
  t.equal(queue.size, 1)
  t.strictSame(take(queue), [1])
})

/** What may happen to a queue. */
const happening = fc.record({
  wait: fc.integer({ min: 0, max: 400 }),
  kind: fc.constantFrom('arrive', 'arrive', 'arrive', 'run', 'run', 'cancel'),
  base: fc.constantFrom('a', 'b', 'c', 'd'),
  depth: fc.constantFrom(0, 2, 4),
  priority: fc.constantFrom(1, 2, 3),
  budget: fc.integer({ min: 50, max: 30_000 }),
  pick: fc.nat()
})

t.test('whatever comes: each image ends once, batches are of one kind, nothing idle while something waits, nobody starves', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(happening, { maxLength: 120 }), fc.constantFrom(1, 2, 8), (script, limit) => {
    const queue = scheduler({ batchLimit: () => limit, runMs: (_job, images) => 5 + 5 * images })
    let now = 0
    const waiting = new Set<Image>()
    const ended = new Map<number, string>()
    const end = (one: Image, how: string): void => {
      if (ended.has(one.id)) throw new Error(`image ${one.id} ended twice: ${ended.get(one.id)}, ${how}`)
      if (!waiting.delete(one)) throw new Error(`image ${one.id} ended without waiting`)
      ended.set(one.id, how)
    }
    const run = (): void => {
      const next = queue.next(now, anywhere)
      if (waiting.size === 0) {
        if (next !== undefined) throw new Error('something to do though nothing waits')
        return
      }
      if (next === undefined || !('batch' in next) || next.batch.length === 0) throw new Error('idle though something waits')
      if (next.batch.length > limit) throw new Error(`a batch of ${next.batch.length}`)
      if (new Set(next.batch.map(one => `${one.base} ${one.depth}`)).size !== 1) throw new Error('a mixed batch')
      // Two ageing steps after it came an image counts as a 1: only those at least as old, or as pressed, may go before it.
      const aged = [...waiting].filter(one => now - one.queuedAt >= 2 * AGEING_MS)
      const fresh = next.batch.find(one => one.priority - Math.floor((now - one.queuedAt) / AGEING_MS) > 1)
      if (aged.length > 0 && fresh !== undefined && !next.batch.some(one => aged.includes(one))) throw new Error(`image ${fresh.id} went before ${aged[0]!.id}, which has waited ${now - aged[0]!.queuedAt} ms`)
      for (const one of next.batch) end(one, 'ran')
    }
    let id = 0
    for (const { wait, kind, base, depth, priority, budget, pick } of script) {
      now += wait
      if (kind === 'arrive') {
        const one = image({ id: id++, base, depth, priority, queuedAt: now, deadline: now + budget })
        waiting.add(one)
        queue.add(one)
      } else if (kind === 'run') run()
      else if (waiting.size > 0) {
        const one = [...waiting][pick % waiting.size]!
        if (!queue.remove(one)) throw new Error('a waiting image could not be cancelled')
        end(one, 'cancelled')
      }
      if (queue.size !== waiting.size) throw new Error(`size ${queue.size}, waiting ${waiting.size}`)
    }
    while (waiting.size > 0) {
      now += 10
      run()
    }
    return ended.size === id
  }), { numRuns: 400 }))
})
