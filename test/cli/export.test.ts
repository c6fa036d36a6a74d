import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import t, { type Test } from 'tap'
import { checkOnnx } from '../../src/cli/check-onnx.js'
import { DEFAULT_OPSET, OPSETS, writeOnnx } from '../../src/model/onnx.js'
import { exportModel, planExport } from '../../src/weights/export.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { DEFAULT_MODEL, buildTestApp, floats, picture } from '../build-test-app.js'

const FILES = join('test', 'checkpoint', 'files')

function outFile (t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-export-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'out.onnx')
}

interface Features { images: [{ features: Record<string, { shape: number[], data: string }> }] }

t.test('the file gives what the service gives, to the last bit', async t => {
  const file = outFile(t)
  const model = loadModel(modelAt(DEFAULT_MODEL))
  const plan = planExport(model, ['stage3', 'stage5', 'stage5.avg', 'stage3'], DEFAULT_OPSET)
  t.match(plan, { depth: 'stage5', outputs: ['stage3', 'stage5', 'stage5.avg'] })
  let check
  const size = await exportModel(model, plan, file, async onnx => { check = await checkOnnx(model, plan, onnx) })
  t.match(check, { difference: 0 })
  t.equal(readFileSync(file).length, size)
  t.strictSame(readdirSync(join(file, '..')), ['out.onnx'])

  const app = await buildTestApp(t)
  const response = await app.http.inject({ method: 'POST', url: '/v1/features?stages=input,stage3,stage5', headers: { 'content-type': 'image/jpeg' }, payload: await picture(150, 100) })
  const { features } = response.json<Features>().images[0]
  const pixels = Buffer.from(features['input']!.data, 'base64')
  const side = 64 // interleave [3, 64, 64] as the graph takes it
  const image = Uint8Array.from({ length: pixels.length }, (_, index) => pixels[index % 3 * side * side + Math.floor(index / 3)]!)
  const session = await InferenceSession.create(readFileSync(file))
  t.strictSame(session.outputNames, ['stage3', 'stage5', 'stage5.avg'])
  const outputs = await session.run({ image: new Tensor('uint8', image, [1, side, side, 3]) })
  for (const stage of ['stage3', 'stage5']) t.strictSame(outputs[stage]!.data, floats(features[stage]!.data), stage)
})

t.test('every operator set runs the same, pyramid, ECA and padded pooling included', async t => {
  for (const name of ['detectron2-fpn.pth', 'timm-eca.pth', '1e100.pt']) {
    const model = loadModel(modelAt(join(FILES, name)))
    for (const opset of [13, Math.max(...OPSETS.keys())]) {
      const plan = planExport(model, undefined, opset)
      t.ok(plan.outputs.includes(name.startsWith('detectron2') ? 'p6' : 'logits'), plan.outputs.join(', '))
      const check = await checkOnnx(model, plan, writeOnnx(model.network, model.weights, plan.depth, plan))
      t.equal(check.difference, 0, `${name} at ${opset}`)
      t.ok(check.spread > 0)
    }
  }
})

t.test('the graph ends at the deepest output, and says where it is from', async t => {
  const file = outFile(t)
  const model = loadModel(modelAt(DEFAULT_MODEL))
  await exportModel(model, planExport(model, ['stage2'], 13), file, async () => {})
  const bytes = readFileSync(file)
  t.ok(bytes.length < 600_000, `${bytes.length} bytes`)
  const said = new Map<string, string>()
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 2) t.equal(reader.string(), 'vovnet-serve') // ModelProto.producer_name
    else if (field !== 14) reader.skip(wire)
    else { // ModelProto.metadata_props: key is field 1, value 2
      const entry = new BinaryReader(reader.bytes())
      entry.tag()
      const key = entry.string()
      entry.tag()
      said.set(key, entry.string())
    }
  }
  t.match(Object.fromEntries(said), { model: model.id, sha256: model.sha256, variant: 'V-19-slim-dw-eSE', dialect: 'timm-b', license: 'Apache-2.0', labels: /^\["airplane",/, preprocess: /"resize":"stretch"/ })
})

t.test('what is asked for wrongly', async t => {
  const model = loadModel(modelAt(DEFAULT_MODEL))
  for (const outputs of [['stage6'], ['p3'], [''], ['stage3.avg', 'stage5'], []]) t.throws(() => planExport(model, outputs, 17), { code: 'invalid_parameter' }, outputs.join(', '))
  for (const opset of [12, 99, NaN, 17.5]) t.throws(() => planExport(model, undefined, opset), { code: 'invalid_parameter', param: '--opset' }, String(opset))
})

t.test('a graph that differs is not written', async t => {
  const file = outFile(t)
  const model = loadModel(modelAt(join(FILES, 'timm-b.safetensors')))
  const other = { ...model, weights: { ...model.weights, normalisation: { mean: [0, 0, 0], std: [255, 255, 255] } } }
  const plan = planExport(model, ['stage2'], 17)
  await t.rejects(exportModel(other, plan, file, async onnx => { await checkOnnx(model, plan, onnx) }), { code: 'internal', message: /stage2 must equal/ })
  await t.rejects(exportModel(model, plan, file, async () => { await checkOnnx(model, plan, Uint8Array.of(1, 2, 3)) }), { code: 'internal' })
  t.notOk(existsSync(file))
  t.strictSame(readdirSync(join(file, '..')), [])
  await t.rejects(exportModel(model, plan, join(file, 'no', 'such.onnx'), async () => {}), { code: 'weights_folder' })
})
