import t from 'tap'
import { CPU, type Device } from '../../src/inference/device.js'
import { defaultPlan, type PlanSettings } from '../../src/inference/plan.js'
import { isOpen, nameOf, searchSpace } from '../../src/inference/search-space.js'

const AUTO: PlanSettings = { INSTANCES: 'auto', THREADS_PER_INSTANCE: 'auto', MAX_BATCH_SIZE: 'auto' }
const GPU: Device = { provider: 'cuda', precision: 'fp16', ids: [0, 1] }

const means = (cores: number, sessions = 1000): { device: Device, cores: number, sessions: number } => ({ device: CPU, cores, sessions })
const layouts = (settings: Partial<PlanSettings>, cores: number, sessions?: number): string[] => {
  const { first, layouts } = searchSpace({ ...AUTO, ...settings }, means(cores, sessions))
  return [first, ...layouts].map(nameOf)
}

t.test('the default is one thread of one image a core, and all cores for a run alone', async t => {
  t.strictSame(defaultPlan(AUTO, means(4)), { instances: 4, threadsPerInstance: 1, wideThreads: 4, maxBatchSize: 1, chosen: 'default' })
  t.strictSame(defaultPlan(AUTO, { ...means(4), device: GPU }), { instances: 2, threadsPerInstance: 1, wideThreads: 1, maxBatchSize: 8, chosen: 'default' })
})

t.test('what is set by hand stays, the rest fits around it', async t => {
  t.strictSame(defaultPlan({ INSTANCES: 3, THREADS_PER_INSTANCE: 5, MAX_BATCH_SIZE: 7 }, means(4)), { instances: 3, threadsPerInstance: 5, wideThreads: 5, maxBatchSize: 7, chosen: 'by hand' })
  t.match(defaultPlan({ ...AUTO, INSTANCES: 1 }, means(4)), { instances: 1, threadsPerInstance: 4 })
  t.match(defaultPlan({ ...AUTO, THREADS_PER_INSTANCE: 2 }, means(5)), { instances: 2, threadsPerInstance: 2, wideThreads: 2 })
})

t.test('every share of the cores is a candidate once', async t => {
  t.strictSame(layouts({}, 1), ['1x1 b1'])
  t.strictSame(layouts({}, 2), ['2x1 b1', '1x2 b1', '1x1 b1'])
  t.strictSame(layouts({}, 6), ['6x1 b1', '2x3 b1', '1x6 b1', '3x1 b1'])
  t.strictSame(layouts({}, 8), ['8x1 b1', '4x2 b1', '2x4 b1', '1x8 b1', '4x1 b1'])
})

t.test('no candidate leaves what is set by hand or takes more cores than there are', async t => {
  t.strictSame(layouts({ INSTANCES: 2 }, 8), ['2x4 b1', '2x1 b1', '2x2 b1'])
  t.strictSame(layouts({ THREADS_PER_INSTANCE: 2 }, 8), ['4x2 b1'])
  t.strictSame(layouts({ MAX_BATCH_SIZE: 4 }, 2), ['2x1 b4', '1x2 b4', '1x1 b4'])
})

t.test('memory bounds the instances nobody asked for', async t => {
  t.strictSame(layouts({}, 8, 3), ['3x1 b1', '3x2 b1', '2x4 b1', '1x8 b1'])
  t.equal(defaultPlan({ ...AUTO, INSTANCES: 8 }, means(8, 1)).instances, 8)
})

t.test('a GPU: one instance each and growing batches', async t => {
  const { first, layouts, largestBatch, wide } = searchSpace(AUTO, { ...means(8), device: GPU })
  t.equal(nameOf(first), '2x1 b1')
  t.strictSame([layouts, largestBatch, wide], [[], 256, [1]])
})

t.test('a run alone may take any half of the cores', async t => {
  t.strictSame(searchSpace(AUTO, means(8)).wide, [8, 4, 2])
  t.strictSame(searchSpace({ ...AUTO, THREADS_PER_INSTANCE: 2 }, means(8)).wide, [2])
})

t.test('nothing is open where all is set or there is one way alone', async t => {
  const open = (settings: Partial<PlanSettings>, cores: number): boolean => isOpen(searchSpace({ ...AUTO, ...settings }, means(cores)))
  t.ok(open({}, 1), 'the batch')
  t.ok(open({ MAX_BATCH_SIZE: 1 }, 2), 'the cores')
  t.notOk(open({ MAX_BATCH_SIZE: 1 }, 1))
  t.notOk(open({ INSTANCES: 2, THREADS_PER_INSTANCE: 2, MAX_BATCH_SIZE: 1 }, 8))
})
