import { readFileSync, utimesSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { foldedValues } from '../../src/model/fold.js'
import { findModels, modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { golden } from '../checkpoint/expected.js'
import { scratchFile } from '../checkpoint/scratch-file.js'

t.test('the embedded default model', t => {
  const entry = findModels('weights').find(({ id }) => id === 'vovnet19-slim-dw-cifar10')!
  const model = loadModel(entry)
  t.equal(model.sha256, '797780a2892712bda9f0d37174f6f4c3f06c2b7c7b3455336faf4a9fb4b138cc', 'as its card says')
  t.match(model, { dialect: 'timm-b', license: 'Apache-2.0', unused: [], network: { variant: { name: 'V-19-slim-dw-eSE' }, classes: 10 } })
  t.match(model.preprocess, { geometry: { resize: 'stretch', width: 64, height: 64 }, autoorient: true })
  t.equal(model.labels?.[9], 'truck')
  const elsewhere = structuredClone(model)
  t.same(elsewhere.network, model.network, 'it crosses threads')
  foldedValues(model.weights, 'head.fc.bias')[0] = 42
  t.equal(foldedValues(elsewhere.weights, 'head.fc.bias')[0], 42, 'and its weights are shared, not copied')
  t.end()
})

t.test('one network in three formats is one and the same when loaded', t => {
  const weightsOf = (file: string): Buffer => Buffer.from(loadModel(modelAt(golden(file))).weights.buffer)
  const expected = weightsOf('timm-b.safetensors')
  t.ok(expected.equals(weightsOf('timm-b-half.safetensors')), 'half precision, since its values are exact in it')
  t.ok(expected.equals(weightsOf('timm-b-ema.pth.tar')), 'legacy PyTorch')
  t.ok(weightsOf('detectron2-p2.pkl').equals(weightsOf('detectron2-p5.pkl')), 'two pickle protocols')
  t.end()
})

/** The golden with one element of one tensor put in place. */
function withValue (t: Test, tensor: string, value: number): string {
  const bytes = readFileSync(golden('timm-b.safetensors'))
  const source = openCheckpoint(golden('timm-b.safetensors'))
  const { begin } = source.tensors.get(tensor) as unknown as { begin: number }
  source.close()
  bytes.writeFloatLE(value, 8 + Number(bytes.readBigUInt64LE()) + begin + 4)
  return scratchFile(t, bytes, 'net.safetensors')
}

t.test('weights that are no numbers are refused by name', t => {
  for (const tensor of ['stem.0.conv.weight', 'stages.2.blocks.1.attn.fc.bias', 'stages.0.blocks.0.conv_mid.1.bn.running_mean', 'head.fc.weight']) {
    for (const value of [NaN, Infinity, -Infinity]) {
      const file = withValue(t, tensor, value)
      t.throws(() => loadModel(modelAt(file)), { code: 'checkpoint_mismatch', param: tensor, message: new RegExp(`${file}.*${tensor}.*${value} at index 1`) }, `${value} in ${tensor}`)
    }
  }
  const negative = withValue(t, 'stem.1.bn.running_var', -1)
  t.throws(() => loadModel(modelAt(negative)), { code: 'checkpoint_mismatch', param: 'stem.1.bn.running_var' }, 'a negative variance')
  t.doesNotThrow(() => loadModel(modelAt(withValue(t, 'stem.1.bn.running_var', 0))))
  t.end()
})

t.test('a tensor is named as its file names it', t => {
  const bytes = readFileSync(golden('centermask-v1.pth'))
  // A legacy file ends in the elements of one storage or another.
  bytes.writeFloatLE(NaN, bytes.length - 4)
  const file = scratchFile(t, bytes, 'net.pth')
  t.throws(() => loadModel(modelAt(file)), { code: 'checkpoint_mismatch', message: /stored as module\.backbone\.body\./ })
  t.end()
})

t.test('a file that changes while it is read is refused', t => {
  const file = scratchFile(t, readFileSync(golden('timm-b.safetensors')), 'net.safetensors')
  // The entry is looked at after the file's first stamp is taken: that is where a test can get in between.
  const meddling = { ...modelAt(file), get modelJson () { utimesSync(file, 0, 0); return undefined } }
  t.throws(() => loadModel(meddling), { code: 'weights_folder', message: /changed while it was being read/ })
  t.end()
})
