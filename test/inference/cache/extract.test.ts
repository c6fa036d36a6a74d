import { ROOT_CONTEXT } from '@opentelemetry/api'
import t from 'tap'
import { ServiceError } from '../../../src/errors.js'
import type { ImageDecoder } from '../../../src/image/image-decoder.js'
import type { PreparedImage } from '../../../src/image/image.js'
import { Admission } from '../../../src/inference/admission.js'
import { LoopSteps } from '../../../src/inference/cache/loop-steps.js'
import { ResultCache } from '../../../src/inference/cache/result-cache.js'
import type { Engine } from '../../../src/inference/engine.js'
import { Extractor, type Timings } from '../../../src/inference/extract.js'
import type { Extracted } from '../../../src/inference/extracted.js'
import { modelAt } from '../../../src/weights/folder.js'
import { loadModel } from '../../../src/weights/load.js'
import { DEFAULT_MODEL } from '../../build-test-app.js'

const model = loadModel(modelAt(DEFAULT_MODEL))

const noTimings = (): Timings => ({ decode: 0, queue: 0, infer: 0, encode: 0 })

/** An extractor with a cache over a decoder that is held back and fails for the images `bad` and `bad at once`. */
function build (): { extract: (keys: string[], options?: { signal?: AbortSignal, timings?: Timings }) => Promise<Extracted[]>, decoded: string[], go: () => void, engine: { held: number }, admission: Admission, outcomes: string[] } {
  const decoded: string[] = []
  const outcomes: string[] = []
  let go!: () => void
  const gate = new Promise<void>(resolve => { go = resolve })
  const decoder = {
    waiting: 0,
    threads: 1,
    async prepare ({ bytes }: { bytes: Uint8Array }, { signal }: { signal: AbortSignal }): Promise<PreparedImage> {
      const name = bytes.toString()
      decoded.push(name)
      if (name === 'bad at once') throw new ServiceError('image_not_decodable', 'broken')
      await gate
      signal.throwIfAborted()
      if (name === 'bad') throw new ServiceError('image_not_decodable', 'broken')
      return { data: new Uint8Array(12), width: 2, height: 2, source: { width: 2, height: 2, format: 'png', orientation: 1 }, mapping: { scaleX: 1, scaleY: 1, offsetX: 0, offsetY: 0 } }
    }
  }
  const admission = new Admission({ images: 10, bytes: 1e6 })
  const observer = { imageReceived () {}, imageDecoded () {}, imageInferred () {}, imageEnded: ({ outcome }: { outcome: string }) => { outcomes.push(outcome) }, cacheHit () {}, cacheMiss () {} }
  const engine = {
    held: 0,
    backlogMs: () => 0,
    hold () {
      engine.held++
      return () => { engine.held-- }
    }
  }
  const cache = new ResultCache({ maxBytes: 1e6, steps: new LoopSteps(), observer })
  const extractor = new Extractor({ decoder: decoder as unknown as ImageDecoder, engine: engine as unknown as Engine, admission, cache, observer })
  return {
    decoded,
    outcomes,
    engine,
    admission,
    go,
    extract: async (keys, { signal = new AbortController().signal, timings = noTimings() } = {}) =>
      await extractor.extract({ model, images: keys.map(key => Buffer.from(key)), keys, ...model.preprocess, outputs: [], keepInput: true, trace: ROOT_CONTEXT, signal, priority: 2, deadline: Infinity, timings })
  }
}

t.test('a shared failure is named for each request by its own place, in an error of its own', async t => {
  const { extract, decoded, go, outcomes } = build()
  const answers = Promise.allSettled([extract(['good', 'bad']), extract(['bad']), extract(['good', 'other', 'bad'])])
  go()
  const errors = (await answers).map(outcome => (outcome as PromiseRejectedResult).reason as ServiceError)
  t.match(errors, [{ code: 'image_not_decodable', param: 'images[1]' }, { param: 'images[0]' }, { param: 'images[2]' }])
  t.equal(new Set(errors).size, 3)
  t.strictSame(decoded, ['good', 'bad', 'other'])
  t.equal(outcomes.length, 6, 'every image ends once')
})

t.test('the same image twice in one request is run once', async t => {
  const { extract, decoded, go } = build()
  const answer = extract(['good', 'good'])
  go()
  const [a, b] = await answer
  t.strictSame(a, b)
  t.strictSame(decoded, ['good'])
})

t.test('places are counted by image, shared or not', async t => {
  const { extract, go, admission } = build()
  const answers = [extract(['good', 'good']), extract(['good'])]
  t.equal(admission.inside.images, 3)
  await t.rejects(extract(Array.from({ length: 8 }, () => 'good')), { code: 'queue_full' })
  go()
  await Promise.all(answers)
  t.equal(admission.inside.images, 0)
})

t.test('a request that fails for another image leaves the shared one to the others', async t => {
  const { extract, decoded, go, outcomes } = build()
  const first = extract(['good', 'bad at once'])
  const second = extract(['good'])
  await t.rejects(first, { code: 'image_not_decodable', message: 'broken' })
  go()
  await t.resolves(second)
  t.strictSame(decoded, ['good', 'bad at once'])
  t.strictSame(outcomes, ['failed', 'cancelled', 'ok'])
})

t.test('who began hangs up: its place is free, the other is answered, and its waiting is time in the queue', async t => {
  const { extract, decoded, go, engine, admission } = build()
  const abort = new AbortController()
  const timings = noTimings()
  const first = extract(['good'], abort)
  const second = extract(['good'], { timings })
  const reason = new ServiceError('client_closed_request', 'hung up')
  abort.abort(reason)
  await t.rejects(first, reason)
  t.equal(admission.inside.images, 1)
  t.equal(engine.held, 2, 'the model is in use by who waits, and by the run')
  go()
  await t.resolves(second)
  t.equal(engine.held, 0)
  t.strictSame(decoded, ['good'])
  t.ok(timings.queue > 0)
  t.match(timings, { decode: 0, infer: 0 })
})
