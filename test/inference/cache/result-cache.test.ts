import t from 'tap'
import { ServiceError } from '../../../src/errors.js'
import { LoopSteps } from '../../../src/inference/cache/loop-steps.js'
import { ResultCache } from '../../../src/inference/cache/result-cache.js'
import type { Extracted } from '../../../src/inference/extracted.js'

const never = (): AbortSignal => new AbortController().signal

function result (value: number, floats: number, inputBytes?: number): Extracted {
  return {
    width: 2,
    height: 2,
    source: { width: 4, height: 4, format: 'jpeg', orientation: 1 },
    mapping: { scaleX: 2, scaleY: 2, offsetX: 0, offsetY: 0 },
    input: inputBytes === undefined ? undefined : new Uint8Array(inputBytes).fill(value),
    tensors: { stage5: { shape: [floats], data: new Float32Array(floats).fill(value) } }
  }
}

class Counted {
  readonly counts = { hits: 0, misses: 0 }
  readonly cache: ResultCache
  runs = 0

  constructor (maxBytes: number) {
    const observer = { cacheHit: () => { this.counts.hits++ }, cacheMiss: () => { this.counts.misses++ } }
    this.cache = new ResultCache({ maxBytes, steps: new LoopSteps(), observer })
  }

  /** The first float under the key, 1 when it had to be run. */
  async get (key: string, { floats = 1, inputBytes }: { floats?: number, inputBytes?: number } = {}): Promise<number> {
    const { tensors } = await this.cache.get(key, never(), async () => result(++this.runs, floats, inputBytes))
    return tensors.stage5!.data[0]!
  }
}

t.test('what was run is kept and counted', async t => {
  const counted = new Counted(1e6)
  t.strictSame([await counted.get('a'), await counted.get('a'), await counted.get('b'), await counted.get('a')], [1, 1, 2, 1])
  t.strictSame(counted.counts, { hits: 2, misses: 2 })
})

t.test('equal images at once are one miss, and a hit for each that joined', async t => {
  const counted = new Counted(1e6)
  t.strictSame(await Promise.all([counted.get('a'), counted.get('a'), counted.get('a')]), [1, 1, 1])
  t.strictSame(counted.counts, { hits: 2, misses: 1 })
})

t.test('it holds its bytes, and the least recently used goes first', async t => {
  const counted = new Counted(40_000)
  for (const key of ['a', 'b', 'c']) await counted.get(key, { floats: 2000, inputBytes: 2000 })
  t.equal(counted.cache.bytes, 3 * (8000 + 2000 + 2048))
  await counted.get('a')
  await counted.get('d', { floats: 2000, inputBytes: 2000 })
  t.ok(counted.cache.bytes <= 40_000)
  t.equal(counted.runs, 4)
  t.equal(await counted.get('a'), 1, 'used just now: kept')
  t.equal(await counted.get('b'), 5, 'dropped')
})

t.test('a result over the bound is answered, not kept, and drops nothing', async t => {
  const counted = new Counted(10_000)
  await counted.get('a')
  t.equal(await counted.get('large', { floats: 2500 }), 2)
  t.equal(await counted.get('large', { floats: 2500 }), 3)
  t.equal(await counted.get('a'), 1)
})

t.test('numbers are in shared memory: no answer can take them away, none is lost on the way', async t => {
  const counted = new Counted(2 ** 26)
  const floats = 700_001 // not a whole number of steps
  const original = result(7, floats, 3)
  original.tensors.stage5!.data[floats - 1] = 8
  const kept = await counted.cache.get('a', never(), async () => original)
  t.ok(Buffer.from(kept.tensors.stage5!.data.buffer).equals(Buffer.from(original.tensors.stage5!.data.buffer)))
  t.strictSame({ ...kept, tensors: {} }, { ...original, tensors: {} })
  t.strictSame(kept.tensors.stage5!.shape, [floats])
  for (const { buffer } of [kept.tensors.stage5!.data, kept.input!]) {
    t.ok(buffer instanceof SharedArrayBuffer)
    t.throws(() => structuredClone(buffer, { transfer: [buffer as unknown as ArrayBuffer] }))
  }
})

t.test('a view into a larger buffer is kept as what it shows', async t => {
  const { cache } = new Counted(1e6)
  const data = Float32Array.from([1, 2, 3, 4]).subarray(1, 3)
  const kept = await cache.get('a', never(), async () => ({ ...result(0, 1), tensors: { stage5: { shape: [2], data } } }))
  t.strictSame([...kept.tensors.stage5!.data], [2, 3])
  t.equal(kept.tensors.stage5!.data.buffer.byteLength, 8)
})

t.test('a failure is not kept', async t => {
  const counted = new Counted(1e6)
  const failing = async (): Promise<Extracted> => { throw new ServiceError('image_not_decodable', 'broken') }
  const outcomes = await Promise.allSettled([counted.cache.get('a', never(), failing), counted.cache.get('a', never(), failing)])
  t.match(outcomes, [{ reason: { code: 'image_not_decodable' } }, { reason: { code: 'image_not_decodable' } }])
  t.strictSame(counted.counts, { hits: 0, misses: 1 }, 'one run, and nobody was answered')
  t.equal(await counted.get('a'), 1)
})
