import t from 'tap'
import { toHalf } from '../../src/model/float16.js'

t.test('what numpy gives', async t => {
  const cases: Array<[value: number, half: number]> = [
    [0, 0], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [0.1, 0x2e66],
    [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], // ties go to even
    [2 - 2 ** -20, 0x4000], // a carry grows the exponent
    [65504, 0x7bff], [65519.99, 0x7bff], [65520, 0x7c00], [Infinity, 0x7c00], [-1e30, 0xfc00],
    [2 ** -14, 0x0400], [2 ** -14 * (1 - 2 ** -11), 0x0400], [3 * 2 ** -24, 3],
    [2 ** -24, 1], [2 ** -25, 0], [2 ** -25 * 1.001, 1], [1e-8, 0], [-1e-8, 0x8000],
    [NaN, 0x7e00]
  ]
  const halves = toHalf(Float32Array.from(cases, ([value]) => value))
  cases.forEach(([value, half], index) => t.equal(halves[index], half, String(value)))
})

t.test('a view of a shared buffer is read where it lies', async t => {
  const values = new Float32Array(new SharedArrayBuffer(16), 4, 2)
  values.set([0.5, -0.5])
  t.same([...toHalf(values)], [0x3800, 0xb800])
})
