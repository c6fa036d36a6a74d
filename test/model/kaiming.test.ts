import t from 'tap'
import { kaimingWeights } from '../../src/model/kaiming.js'
import { networkOf } from './run-network.js'
import { variantNamed } from '../../src/model/variants.js'

const NETWORK = networkOf(variantNamed('V-19-slim-dw-eSE')!, { classes: 10, pyramid: { channels: 128, stages: [3, 4, 5] } })
const read = kaimingWeights(NETWORK, 1)

function moments (values: Float32Array): { mean: number, std: number, kurtosis: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const moment = (power: number): number => values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length
  return { mean, std: Math.sqrt(moment(2)), kurtosis: moment(4) / moment(2) ** 2 }
}

t.test('convolutions are normal with variance 2 / fan-in', async t => {
  for (const [name, fanIn] of [['stem.0.conv.weight', 27], ['stages.3.blocks.0.conv_concat.conv.weight', 384 + 3 * 112], ['stages.3.blocks.0.attn.fc.weight', 512], ['stages.2.blocks.0.conv_mid.0.conv_dw.weight', 9]] as const) {
    const { mean, std, kurtosis } = moments(read(name))
    const expected = Math.sqrt(2 / fanIn)
    t.ok(Math.abs(std / expected - 1) < 0.08, `${name}: ${std} of ${expected}`)
    t.ok(Math.abs(mean) < expected / 10, `${name}: mean ${mean}`)
    t.ok(Math.abs(kurtosis - 3) < 0.6, `${name}: kurtosis ${kurtosis}; 1.8 if it were uniform`)
  }
})

t.test('norms start as the identity, other biases as PyTorch leaves them', async t => {
  t.ok(read('stem.0.bn.weight').every(value => value === 1))
  t.ok(read('stem.0.bn.running_var').every(value => value === 1))
  for (const name of ['stem.0.bn.bias', 'stem.0.bn.running_mean', 'head.fc.bias', 'fpn.output.5.bias']) t.ok(read(name).every(value => value === 0), name)
  const within = (name: string, bound: number): void => {
    const most = read(name).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    t.ok(most <= bound && most > 0.9 * bound, `${name}: ${most} of ${bound}`)
  }
  within('stages.3.blocks.0.attn.fc.bias', 1 / Math.sqrt(512))
  within('head.fc.weight', 1 / Math.sqrt(512))
  within('fpn.lateral.5.weight', Math.sqrt(3 / 512))
})

t.test('a name and a seed give the same values, another name or seed others', async t => {
  const [first, second] = ['stages.2.blocks.0.attn.fc.bias', 'stages.2.blocks.0.conv_mid.0.conv_dw.weight']
  t.same(kaimingWeights(NETWORK, 1)(first), read(first))
  t.notSame(kaimingWeights(NETWORK, 2)(first), read(first))
  t.notSame(read(second), read(second.replace('mid.0', 'mid.1')))
  // The stated recipe followed in Python with numpy's integers and the math module.
  const expected = [0.08470115810632706, -0.2946603000164032, -0.29504743218421936, 0.5389099717140198]
  read('stem.0.conv.weight').slice(0, 4).forEach((value, index) => t.ok(Math.abs(value - expected[index]!) < 1e-7, `${value}`))
  t.throws(() => read('stem.9.conv.weight'), /stem\.9/)
})
