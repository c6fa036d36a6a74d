import t from 'tap'
import { nameOf, type SearchSpace } from '../../src/inference/search-space.js'
import { TrialThreads } from '../../src/inference/trial-threads.js'
import type { Effort } from '../../src/inference/tuner.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'

const model = loadModel(modelAt(DEFAULT_MODEL))
const SPACE: SearchSpace = { first: { instances: 2, threads: 1, batch: 1 }, layouts: [{ instances: 1, threads: 2, batch: 1 }], largestBatch: 2, wide: [2, 1] }
const QUICK: Effort = { budgetMs: Infinity, windowMs: 5, rounds: 1, patience: 1, exact: true }

t.test('layouts of the real engine are run and one of them is chosen', async t => {
  const trials = new TrialThreads({ provider: 'cpu' })
  t.teardown(async () => await trials.close())
  for (let again = 0; again < 2; again++) {
    const { best, wideThreads, measured, skipped } = await trials.tune(model, SPACE, QUICK)
    t.ok(['2x1 b1', '2x1 b2', '1x2 b1', '1x2 b2'].includes(nameOf(best)), nameOf(best))
    t.ok([1, 2].includes(wideThreads))
    t.strictSame(Object.keys(measured).sort(), ['1x1 b1', '1x2 b1', '1x2 b2', '2x1 b1', '2x1 b2'])
    for (const rate of Object.values(measured)) t.ok(rate > 1 && rate < 1e6, `${rate} images a second`)
    t.strictSame(skipped, [])
  }
})

t.test('a model that cannot run is an error, and the threads end', async t => {
  const trials = new TrialThreads({ provider: 'cpu' })
  const broken = { ...model, weights: { ...model.weights, tensors: new Map() } }
  await t.rejects(trials.tune(broken, SPACE, QUICK))
  await trials.close()
})

t.test('a model too large for the budget costs nothing of it', async t => {
  const trials = new TrialThreads({ provider: 'cpu' })
  const large = { ...model, weights: { ...model.weights, buffer: { byteLength: 2 ** 28 } as SharedArrayBuffer } }
  await t.rejects(trials.tune(large, SPACE, { ...QUICK, budgetMs: 2400 }), { message: /3072 ms.*--tune/ })
  await trials.close()
})
