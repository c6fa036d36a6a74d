import t from 'tap'
import { goldenImage, largestDifference, toleranceOf } from '../../src/inference/golden.js'

const f = (...values: number[]): Float32Array => Float32Array.from(values)

t.test('a difference counts against its own output\'s largest value', async t => {
  t.equal(largestDifference({ a: f(1, -8), b: f(100) }, { a: f(1.5, -8), b: f(101) }), 0.5 / 8)
  t.equal(largestDifference({ a: f(1, -8) }, { a: f(1, -8) }), 0)
  t.equal(largestDifference({ a: f(0) }, { a: f(0) }), 0)
})

t.test('what cannot be compared is infinitely wrong', async t => {
  t.equal(largestDifference({ a: f(NaN) }, { a: f(1) }), Infinity)
  t.equal(largestDifference({ a: f(Infinity) }, { a: f(1) }), Infinity)
  t.equal(largestDifference({ a: f(1) }, { a: f(0) }), Infinity)
  t.equal(largestDifference({ a: f(1) }, { a: f(1, 2) }), Infinity)
  t.equal(largestDifference({}, { a: f(1) }), Infinity)
})

t.test('only float32 that is not rounded to TF32 is held to float32', async t => {
  t.equal(toleranceOf('webgpu', 'fp32'), 1e-4)
  t.ok([toleranceOf('cuda', 'fp32'), toleranceOf('tensorrt', 'fp32'), toleranceOf('cpu', 'fp16'), toleranceOf('webgpu', 'fp16')].every(value => value === 0.02))
})

t.test('the image is always the same', async t => {
  t.same([...goldenImage().subarray(0, 4)], [...goldenImage().subarray(0, 4)])
  t.equal(goldenImage().length, 96 * 96 * 3)
  t.equal(new Set(goldenImage()).size, 256)
})
