import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { writeSafetensors } from '../../src/checkpoint/formats/safetensors-writer.js'
import { findModels, modelAt, modelNamed } from '../../src/weights/folder.js'
import { importModel } from '../../src/weights/import.js'
import { loadModel, type LoadedModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL, buildTestApp, floats, picture } from '../build-test-app.js'

const FILES = join('test', 'checkpoint', 'files')

function folder (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-import-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** All that decides what comes out: the same folded weights in the same network, over the same input. */
function served ({ network, preprocess, weights, dialect, labels, license }: LoadedModel): unknown {
  return { network, preprocess, dialect, labels, license, tensors: weights.tensors, normalisation: weights.normalisation, weights: Buffer.from(new Uint8Array(weights.buffer)).toString('base64') }
}

const CHECKPOINTS = readdirSync(FILES).filter(name => !/^(arrays|storages|deformable|evonorm|torchscript|module)/.test(name))

t.test('every dialect and format, imported, is served to the last bit as it was', async t => {
  const dir = folder(t)
  t.ok(CHECKPOINTS.length >= 14, CHECKPOINTS.join(', '))
  for (const [index, name] of CHECKPOINTS.entries()) {
    const before = modelAt(join(FILES, name))
    const after = importModel(before, { dir, id: `model-${index}`, half: false })
    const loaded = loadModel(after)
    t.strictSame(served(loaded), served(loadModel(before)), name)
    t.strictSame([loaded.format, loaded.unused, loaded.id], ['safetensors', [], `model-${index}`])
    t.match(loaded.source, new RegExp(`^imported from ${name}, sha256 [0-9a-f]{64}$`))
  }
  t.equal(findModels(dir).length, CHECKPOINTS.length)
})

t.test('what stands beside the checkpoint goes along, whichever of the two is named', async t => {
  const dir = folder(t)
  const whole = loadModel(importModel(modelAt(DEFAULT_MODEL), { dir, id: 'vision/one', half: false }))
  const file = loadModel(importModel(modelAt(join(DEFAULT_MODEL, 'model.safetensors')), { dir, id: 'two', half: false }))
  t.strictSame(served(whole), served(loadModel(modelAt(DEFAULT_MODEL))))
  t.strictSame(served(file), served(whole))
  t.match(whole, { preprocess: { geometry: { resize: 'stretch', width: 64 }, autoorient: true }, license: 'Apache-2.0', source: /^trained from scratch .*; imported from / })
  t.equal(whole.labels?.length, 10)
  t.strictSame(readdirSync(join(dir, 'vision', 'one')).sort(), ['model.json', 'model.safetensors'])
})

t.test('half precision: half the size, each weight off by at most one part in 2048', async t => {
  const dir = folder(t)
  const { file } = importModel(modelAt(DEFAULT_MODEL), { dir, id: 'half', half: true })
  const original = openCheckpoint(join(DEFAULT_MODEL, 'model.safetensors'))
  const half = openCheckpoint(file)
  t.teardown(() => { original.close(); half.close() })
  let worst = 0
  t.ok([...half.tensors.values()].every(({ dtype }) => dtype === 'f16'))
  for (const name of half.tensors.keys()) {
    const values = half.read(name)
    // Below 2^-14 half precision has steps of 2^-24.
    original.read(name).forEach((value, index) => { worst = Math.max(worst, Math.abs(value - values[index]!) / Math.max(Math.abs(value), 2 ** -14)) })
  }
  t.ok(worst > 0 && worst <= 2 ** -11, String(worst))
  t.ok(readFileSync(file).length < 0.51 * readFileSync(join(DEFAULT_MODEL, 'model.safetensors')).length)
})

t.test('what half precision serves is near what was imported', async t => {
  const { file } = importModel(modelAt(DEFAULT_MODEL), { dir: folder(t), id: 'half', half: true })
  const { http } = await buildTestApp(t, { models: [DEFAULT_MODEL, dirname(file)] })
  const payload = await picture(200, 160, 'png')
  const stage5 = async (model: string): Promise<Float32Array> => {
    const response = await http.inject({ method: 'POST', url: `/v1/features?model=${model}`, headers: { 'content-type': 'image/png' }, payload })
    return floats(response.json<{ images: [{ features: { stage5: { data: string } } }] }>().images[0].features.stage5.data)
  }
  const [whole, half] = [await stage5('vovnet19-slim-dw-cifar10'), await stage5('half')]
  const spread = Math.max(...whole) - Math.min(...whole)
  const apart = Math.max(...half.map((value, index) => Math.abs(value - whole[index]!)))
  // Some thirty layers, each with weights off by up to 2^-11.
  t.ok(apart > 0 && apart < 30 * 2 ** -11 * spread, `${apart} of ${spread}`)
})

t.test('a model that is there already, or a bad id, or a weight that cannot be kept: nothing is written', async t => {
  const dir = folder(t)
  const small = modelAt(join(FILES, 'timm-b.safetensors'))
  importModel(small, { dir, id: 'one', half: false })
  cpSync(small.file, join(dir, 'file.pth'))
  for (const id of ['one', 'file', '../one', 'a/b/c', '.one', '']) t.throws(() => importModel(small, { dir, id, half: false }), { code: 'weights_folder' }, id)

  const source = openCheckpoint(small.file)
  t.teardown(() => source.close())
  const large = join(dir, '..', `large-${process.pid}.safetensors`)
  t.teardown(() => rmSync(large))
  writeSafetensors(large, new Map([...source.tensors].map(([name, { shape }]) => [name, { shape, read: () => name === 'stem.1.bn.running_var' ? source.read(name).fill(70_000) : source.read(name) }])))
  t.throws(() => importModel(modelAt(large), { dir, id: 'two', half: true }), { code: 'checkpoint_mismatch', param: 'stem.1.bn.running_var' })
  t.notOk(existsSync(join(dir, 'two')))
  importModel(modelAt(large), { dir, id: 'two', half: false })
  t.strictSame(readdirSync(dir).sort(), ['file.pth', 'one', 'two'], 'no partial folder')
})

t.test('a model by its id or its path', async t => {
  const dir = folder(t)
  importModel(modelAt(join(FILES, 'timm-b.safetensors')), { dir, id: 'org/one', half: false })
  writeFileSync(join(dir, 'note.txt'), '')
  t.equal(modelNamed(dir, 'org/one').file, join(dir, 'org', 'one', 'model.safetensors'))
  t.equal(modelNamed(dir, DEFAULT_MODEL).id, 'vovnet19-slim-dw-cifar10')
  t.throws(() => modelNamed(dir, 'two'), { code: 'weights_folder', message: /must be a file, a folder or the id of a model in .* \(org\/one\)/ })
  t.throws(() => modelNamed(join(dir, 'none'), 'two'), { code: 'weights_folder' })
})
