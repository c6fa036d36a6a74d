import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CPU } from '../../src/inference/device.js'
import { planFile } from '../../src/inference/plan-cache.js'
import { Planner, type PlannerOptions, type PlannerSettings } from '../../src/inference/planner.js'
import { nameOf } from '../../src/inference/search-space.js'
import type { Effort, Tuned } from '../../src/inference/tuner.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel, type LoadedModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'

const SETTINGS: PlannerSettings = { TUNE: 'brief', INSTANCES: 'auto', THREADS_PER_INSTANCE: 'auto', MAX_BATCH_SIZE: 'auto' }
const TUNED: Tuned = { best: { instances: 2, threads: 2, batch: 4 }, wideThreads: 3, measured: { '2x2 b4': 50 }, skipped: [] }
const MEASURED = { instances: 2, threadsPerInstance: 2, wideThreads: 3, maxBatchSize: 4 }
const DEFAULT = { instances: 4, threadsPerInstance: 1, wideThreads: 4, maxBatchSize: 1, chosen: 'default' }

/** The default model in a folder of its own, where plans may be stored. */
function copied (t: Test): LoadedModel {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  cpSync(DEFAULT_MODEL, join(dir, 'model'), { recursive: true, filter: name => !name.endsWith('vovnet-plan.json') })
  return loadModel(modelAt(join(dir, 'model')))
}

/** A planner whose every measurement finds TUNED, or what it is told. */
function planner (settings: Partial<PlannerSettings> = {}, { found = TUNED, ...options }: Partial<PlannerOptions> & { found?: Tuned | Error } = {}): { planner: Planner, efforts: Effort[], firsts: string[] } {
  const efforts: Effort[] = []
  const firsts: string[] = []
  const planner = new Planner({
    settings: { ...SETTINGS, ...settings },
    device: CPU,
    cores: 4,
    memory: 2 ** 33,
    tune: async (_model, space, effort) => {
      efforts.push(effort)
      firsts.push(nameOf(space.first))
      if (found instanceof Error) throw found
      return found
    },
    ...options
  })
  return { planner, efforts, firsts }
}

t.test('measured once, remembered for the next start and while serving', async t => {
  const model = copied(t)
  const first = planner()
  t.match(first.planner.recall(model), DEFAULT)
  t.match(await first.planner.plan([model]), [{ model, plan: { ...MEASURED, chosen: 'measured' }, report: { measured: TUNED.measured, notStored: undefined } }])
  t.strictSame(first.planner.recall(model), { ...MEASURED, chosen: 'cached' })
  const second = planner()
  t.match(await second.planner.plan([model]), [{ plan: { ...MEASURED, chosen: 'cached' } }])
  t.equal(second.efforts.length, 0)
})

t.test('what is set by hand is not measured, and what is set in part is searched around', async t => {
  const model = copied(t)
  const all = planner({ INSTANCES: 3, THREADS_PER_INSTANCE: 5, MAX_BATCH_SIZE: 7, TUNE: 'thorough' })
  t.match(await all.planner.plan([model]), [{ plan: { instances: 3, threadsPerInstance: 5, wideThreads: 5, maxBatchSize: 7, chosen: 'by hand' } }])
  t.equal(all.efforts.length, 0)
  const part = planner({ INSTANCES: 1, MAX_BATCH_SIZE: 3 })
  await part.planner.plan([model])
  t.strictSame(part.firsts, ['1x4 b3'])
  t.equal(planner().planner.recall(model).chosen, 'default', 'a plan around other settings is another plan')
})

t.test('thorough measures anew and replaces, off never measures', async t => {
  const model = copied(t)
  await planner().planner.plan([model])
  const thorough = planner({ TUNE: 'thorough' }, { found: { ...TUNED, wideThreads: 1 } })
  t.match(await thorough.planner.plan([model]), [{ plan: { wideThreads: 1, chosen: 'measured' } }])
  t.equal(thorough.efforts[0]!.budgetMs, Infinity)
  const off = planner({ TUNE: 'off' })
  t.match(await off.planner.plan([model, copied(t)]), [{ plan: { wideThreads: 1, chosen: 'cached' } }, { plan: DEFAULT }])
  t.equal(off.efforts.length, 0)
})

t.test('models share the time for measuring, and what one leaves the others have', async t => {
  const { planner: brief, efforts } = planner()
  await brief.plan([copied(t), copied(t), copied(t)])
  const [first, second, third] = efforts.map(({ budgetMs }) => budgetMs)
  t.ok(first! <= 800 && second! > first! && third! > second! && third! <= 2400, `${first}, ${second}, ${third}`)
})

t.test('a measurement that fails leaves the default, and the next start tries again', async t => {
  const model = copied(t)
  const failing = planner({}, { found: new Error('too busy') })
  t.match(await failing.planner.plan([model]), [{ plan: DEFAULT, report: { unmeasured: 'too busy' } }])
  t.match(await planner().planner.plan([model]), [{ plan: { chosen: 'measured' } }])
})

t.test('a model too heavy for the time keeps the default, and the next start does not try again', async t => {
  const model = copied(t)
  const heavy = planner({}, { found: { ...TUNED, measured: {}, skipped: ['1x4 b1'] } })
  t.match(await heavy.planner.plan([model]), [{ plan: DEFAULT, report: { skipped: ['1x4 b1'] } }])
  const next = planner()
  t.match(await next.planner.plan([model]), [{ plan: { ...DEFAULT, chosen: 'cached' } }])
  t.equal(next.efforts.length, 0)
})

t.test('a folder that cannot be written to is said, a damaged file is replaced', async t => {
  const readOnly = copied(t)
  mkdirSync(planFile(readOnly.file))
  t.match(await planner().planner.plan([readOnly]), [{ plan: { chosen: 'measured' }, report: { notStored: /EISDIR|directory|rename/ } }])
  const damaged = copied(t)
  writeFileSync(planFile(damaged.file), '{"plans":')
  t.match(await planner().planner.plan([damaged]), [{ plan: { chosen: 'measured' } }])
  t.equal(planner().planner.recall(damaged).chosen, 'cached')
})

t.test('little memory takes fewer instances, and no plan from a roomier day', async t => {
  const model = copied(t)
  await planner({}, { found: { ...TUNED, best: { instances: 4, threads: 1, batch: 1 } } }).planner.plan([model])
  t.equal(planner({}, { memory: 200 * 2 ** 20 }).planner.recall(model).instances, 2)
})
