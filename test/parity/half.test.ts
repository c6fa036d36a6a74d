import { InferenceSession, Tensor } from 'onnxruntime-node'
import t from 'tap'
import { foldWeights } from '../../src/model/fold.js'
import type { Network, OutputName } from '../../src/model/network.js'
import { canonicalTensors } from '../../src/model/network-tensors.js'
import { INPUT_NAME, writeOnnx } from '../../src/model/onnx.js'
import { outputsOf } from '../../src/model/shapes.js'
import { variantNamed } from '../../src/model/variants.js'
import { IMAGENET, networkOf } from '../model/run-network.js'
import { seededImage, seededWeight } from './seeded.js'

/**
 * Of an output's largest value. At 97 x 130 a CPU, which computes in float32 between rounded weights, gives 2.4e-3 for the slim network and 1.1e-3
 * for V-39; the same graphs with every value between two operators rounded to half precision, computed with PyTorch, 2.4e-3 and 1.6e-3.
 */
const BOUND = 4e-3
const [HEIGHT, WIDTH] = [97, 66]

async function run (network: Network, precision: 'fp32' | 'fp16'): Promise<Map<OutputName, Float32Array>> {
  const tensors = canonicalTensors(network)
  const weights = foldWeights(network, IMAGENET, name => seededWeight(name, tensors.get(name)!))
  const depth = network.pyramid === undefined ? 'stage5' : 'fpn'
  const session = await InferenceSession.create(writeOnnx(network, weights, depth, { precision }), { logSeverityLevel: 3 })
  const outputs = await session.run({ [INPUT_NAME]: new Tensor('uint8', seededImage(HEIGHT, WIDTH), [1, HEIGHT, WIDTH, 3]) })
  await session.release()
  return new Map(outputsOf(network, depth).map(name => [name, outputs[name]!.data as Float32Array]))
}

const CASES: Record<string, Network> = {
  'V-19-slim-dw-eSE': networkOf(variantNamed('V-19-slim-dw-eSE')!, { classes: 10 }),
  'V-39-eSE with a pyramid': networkOf(variantNamed('V-39-eSE')!, { pyramid: { channels: 64, stages: [2, 3, 4, 5] } })
}

for (const [name, network] of Object.entries(CASES)) {
  t.test(`${name} in half precision`, async t => {
    const [full, half] = [await run(network, 'fp32'), await run(network, 'fp16')]
    t.same([...half.keys()], [...full.keys()])
    for (const [output, values] of full) {
      const others = half.get(output)!
      t.ok(others instanceof Float32Array && others.length === values.length, `${output} is float32`)
      let difference = 0
      let largest = 0
      values.forEach((value, index) => {
        difference = Math.max(difference, Math.abs(value - others[index]!))
        largest = Math.max(largest, Math.abs(value))
      })
      const relative = difference / largest
      t.ok(relative <= BOUND, `${output}: off by ${relative.toExponential(1)} of its largest value`)
      t.ok(relative > 1e-5, `${output}: the weights are really rounded`)
    }
  })
}
