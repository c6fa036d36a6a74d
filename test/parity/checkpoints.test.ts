import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import t from 'tap'
import type { OutputName } from '../../src/model/network.js'
import { INPUT_NAME, writeOnnx } from '../../src/model/onnx.js'
import { depthFor } from '../../src/model/shapes.js'
import { modelAt } from '../../src/weights/folder.js'
import { loadModel } from '../../src/weights/load.js'
import { golden } from '../checkpoint/expected.js'
import { seededImage } from './seeded.js'

interface Goldens {
  height: number
  width: number
  files: Record<string, Record<OutputName, { shape: number[], data: string }>>
}

/** Of the output's own standard deviation. */
const TOLERANCE = 1e-4

const { height, width, files } = JSON.parse(readFileSync(new URL('goldens-checkpoints.json', import.meta.url), 'utf8')) as Goldens

for (const [file, outputs] of Object.entries(files)) {
  t.test(`${file}: from the file to the outputs as PyTorch has them`, async t => {
    const { network, weights } = loadModel(modelAt(golden(file)))
    const names = Object.keys(outputs) as OutputName[]
    const session = await InferenceSession.create(writeOnnx(network, weights, depthFor(names)), { intraOpNumThreads: 1 })
    const results = await session.run({ [INPUT_NAME]: new Tensor('uint8', seededImage(height, width), [1, height, width, 3]) })
    for (const name of names) {
      const expected = new Float32Array(new Uint8Array(Buffer.from(outputs[name].data, 'base64')).buffer)
      t.same(results[name]!.dims, outputs[name].shape, `${name}: shape`)
      const worst = worstDeviation(results[name]!.data as Float32Array, expected)
      t.ok(worst <= TOLERANCE, `${name}: off by ${worst.toExponential(1)} of its standard deviation`)
    }
    await session.release()
  })
}

function worstDeviation (values: Float32Array, expected: Float32Array): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length
  const deviation = Math.sqrt(expected.reduce((sum, value) => sum + (value - mean) ** 2, 0) / expected.length)
  return expected.reduce((worst, value, index) => Math.max(worst, Math.abs(value - values[index]!)), 0) / deviation
}
