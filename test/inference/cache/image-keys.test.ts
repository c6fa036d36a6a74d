import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { ImageKeys, type KeyedRequest, type ServiceTraits } from '../../../src/inference/cache/image-keys.js'
import { LoopSteps } from '../../../src/inference/cache/loop-steps.js'
import { modelAt } from '../../../src/weights/folder.js'
import { loadModel } from '../../../src/weights/load.js'
import { DEFAULT_MODEL } from '../../build-test-app.js'

const model = loadModel(modelAt(DEFAULT_MODEL))
const traits: ServiceTraits = { version: '1.0.0', provider: 'cpu', precision: 'fp32', decodeMode: 'exact' }
const base: KeyedRequest = { model, geometry: model.preprocess.geometry, autoorient: true, outputs: ['stage3', 'stage5'], keepInput: false }
const image = Buffer.from('an image')
const never = new AbortController().signal

async function keyOf (bytes: Uint8Array, change: Partial<KeyedRequest> = {}, of: ServiceTraits = traits): Promise<string> {
  const keys = new ImageKeys(of, new LoopSteps())
  return keys.of(await keys.digests([bytes], never), { ...base, ...change })[0]!
}

t.test('equal requests have equal keys, whatever buffer the bytes lie in and in whatever order the outputs are asked', async t => {
  const key = await keyOf(image)
  t.match(key, /^[\w-]{43}$/)
  t.equal(await keyOf(new Uint8Array(Buffer.from('--an image')).subarray(2)), key)
  t.equal(await keyOf(image, { outputs: ['stage5', 'stage3'] }), key)
  t.equal(await keyOf(image, { model: { ...model, id: 'the same under another name' } }), key)
})

t.test('whatever changes the result changes the key', async t => {
  const { network, preprocess } = model
  const { normalisation } = preprocess
  const changes: Record<string, [Partial<KeyedRequest>, ServiceTraits?]> = {
    size: [{ geometry: { ...base.geometry, width: 65 } }],
    resize: [{ geometry: { ...base.geometry, resize: 'letterbox' } }],
    interpolation: [{ geometry: { ...base.geometry, interpolation: 'bilinear' } }],
    autoorient: [{ autoorient: false }],
    outputs: [{ outputs: ['stage5'] }],
    'other outputs': [{ outputs: ['stage3', 'stage5.avg'] }],
    'the input besides': [{ keepInput: true }],
    checkpoint: [{ model: { ...model, sha256: '0'.repeat(64) } }],
    'what the checkpoint is read as': [{ model: { ...model, network: { ...network, traits: { ...network.traits, bnEps: 0.001 } } } }],
    normalisation: [{ model: { ...model, preprocess: { ...preprocess, normalisation: { ...normalisation, mean: [0, 0, 0] } } } }],
    version: [{}, { ...traits, version: '1.0.1' }],
    provider: [{}, { ...traits, provider: 'cuda' }],
    precision: [{}, { ...traits, precision: 'fp16' }],
    'decode mode': [{}, { ...traits, decodeMode: 'fast' }]
  }
  const seen = new Map([[await keyOf(image), 'the base'], [await keyOf(Buffer.from('an imagf')), 'other bytes'], [await keyOf(Buffer.from('an image[')), 'more bytes']])
  t.equal(seen.size, 3)
  for (const [what, [change, of]] of Object.entries(changes)) {
    const key = await keyOf(image, change, of)
    t.notOk(seen.has(key), `${what} as ${seen.get(key)}`)
    seen.set(key, what)
  }
})

t.test('a large image is hashed in steps, to the hash it has', async t => {
  const large = randomBytes(5 * 2 ** 20 + 17)
  const keys = new ImageKeys(traits, new LoopSteps())
  const digests = await keys.digests([large, image, large], never)
  t.strictSame(digests, [large, image, large].map(bytes => createHash('sha256').update(bytes).digest()))
  t.equal(new Set(keys.of(digests, base)).size, 2)
  await t.rejects(keys.digests([large], AbortSignal.abort(new Error('gone'))), { message: 'gone' })
})

t.test('a CPU gives equal bits in any batch, nothing else promises that', async t => {
  t.ok(new ImageKeys(traits, new LoopSteps()).exact)
  t.notOk(new ImageKeys({ ...traits, provider: 'cuda' }, new LoopSteps()).exact)
})
