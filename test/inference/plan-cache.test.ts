import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CPU } from '../../src/inference/device.js'
import type { PlanSettings, RunPlan } from '../../src/inference/plan.js'
import { planFile, planKey, readPlan, writePlan, type PlanKey } from '../../src/inference/plan-cache.js'
import { findModels, modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL } from '../build-test-app.js'

const model = loadModel(modelAt(DEFAULT_MODEL))
const AUTO: PlanSettings = { INSTANCES: 'auto', THREADS_PER_INSTANCE: 'auto', MAX_BATCH_SIZE: 'auto' }
const MEANS = { device: CPU, cores: 4, sessions: 100 }
const KEY = planKey(model, AUTO, MEANS)
const PLAN: RunPlan = { instances: 4, threadsPerInstance: 1, wideThreads: 2, maxBatchSize: 3 }

function scratch (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

t.test('what is written is read, for its key alone', async t => {
  const file = join(scratch(t), '.plan.json')
  writePlan(file, KEY, { ...PLAN, chosen: 'measured' })
  t.strictSame(readPlan(file, KEY), PLAN)
  const others: PlanKey[] = [
    planKey(model, AUTO, { ...MEANS, cores: 2 }),
    planKey(model, { ...AUTO, INSTANCES: 4 }, MEANS),
    planKey(model, AUTO, { ...MEANS, device: { provider: 'cuda', precision: 'fp32', ids: [] } }),
    planKey(model, AUTO, { ...MEANS, device: { ...CPU, precision: 'fp16' } }),
    planKey(model, AUTO, { ...MEANS, device: { ...CPU, ids: [1] } }),
    planKey({ ...model, sha256: '0' }, AUTO, MEANS),
    planKey({ ...model, preprocess: { ...model.preprocess, geometry: { ...model.preprocess.geometry, width: 96 } } }, AUTO, MEANS),
    { ...KEY, cpu: 'another' },
    { ...KEY, onnxruntime: '0.0.1' },
    { ...KEY, version: '0.0.1' }
  ]
  for (const key of others) t.equal(readPlan(file, key), undefined, JSON.stringify(key))
  for (const version of [KEY.onnxruntime, KEY.version]) t.match(version, /^\d+\.\d+\.\d+/)
})

t.test('machines that share a volume keep each other\'s plans, the newest sixteen', async t => {
  const dir = scratch(t)
  const file = join(dir, '.plan.json')
  const keys = Array.from({ length: 20 }, (_, index) => ({ ...KEY, cpu: `kind ${index}` }))
  keys.forEach((key, index) => writePlan(file, key, { ...PLAN, instances: index + 1 }))
  t.strictSame(keys.map(key => readPlan(file, key)?.instances), keys.map((_, index) => index < 4 ? undefined : index + 1))
  writePlan(file, keys[10]!, { ...PLAN, instances: 99 })
  t.equal(readPlan(file, keys[10]!)?.instances, 99)
  t.equal(readPlan(file, keys[4]!)?.instances, 5)
  t.strictSame(readdirSync(dir), ['.plan.json'])
})

t.test('a damaged or foreign file counts for nothing and is replaced', async t => {
  const file = join(scratch(t), '.plan.json')
  const damaged = ['', '{"plans": [', 'null', '{"plans": 5}', '{"plans": [null]}', '[]', JSON.stringify({ plans: [{ key: KEY }] }),
    ...['x', 0, 1.5, -1, null].map(instances => JSON.stringify({ plans: [{ key: KEY, plan: { ...PLAN, instances } }] }))]
  for (const text of damaged) {
    writeFileSync(file, text)
    t.equal(readPlan(file, KEY), undefined, text.slice(0, 30))
    writePlan(file, KEY, PLAN)
    t.strictSame(readPlan(file, KEY), PLAN)
  }
})

t.test('a file that cannot be written leaves nothing behind', async t => {
  const dir = scratch(t)
  const file = join(dir, '.plan.json')
  mkdirSync(file)
  t.throws(() => writePlan(file, KEY, PLAN))
  t.strictSame(readdirSync(dir), ['.plan.json'])
  t.throws(() => writePlan(join(dir, 'none', '.plan.json'), KEY, PLAN), { code: 'ENOENT' })
  t.notOk(existsSync(join(dir, 'none')))
})

t.test('the weights folder does not see it', async t => {
  const dir = scratch(t)
  const bytes = readFileSync(model.file)
  mkdirSync(join(dir, 'one'))
  for (const file of [join(dir, 'two.safetensors'), join(dir, 'one', 'model.safetensors')]) {
    writeFileSync(file, bytes)
    writePlan(planFile(file), KEY, PLAN)
  }
  t.strictSame(findModels(dir).map(({ id }) => id), ['one', 'two'])
})
