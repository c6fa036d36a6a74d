import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import t, { type Test } from 'tap'
import { foldWeights, type FoldedWeights } from '../../src/model/fold.js'
import type { Network, OutputName, Traits } from '../../src/model/network.js'
import { canonicalTensors } from '../../src/model/network-tensors.js'
import { INPUT_NAME, writeOnnx } from '../../src/model/onnx.js'
import type { Normalisation } from '../../src/model/preprocess.js'
import { depthFor, outputShape } from '../../src/model/shapes.js'
import { variantNamed } from '../../src/model/variants.js'
import { hashName, sampleIndices, seededImage, seededWeight } from './seeded.js'

interface Case extends Pick<Network, 'classes' | 'pyramid'> {
  name: string
  variant: string
  traits: string
  normalisation: string
  firstConvScale?: number
}

interface Cases {
  traits: Record<string, Traits>
  normalisations: Record<string, Normalisation>
  cases: Record<string, Case[]>
}

interface Golden {
  tensors: { count: number, hash: number }
  runs: Array<{ height: number, width: number, outputs: Record<OutputName, GoldenOutput> }>
}

interface GoldenOutput { shape: number[], mean: number, std: number, samples: string }

/** Every difference is held against this part of the output's own standard deviation. */
const TOLERANCE = 1e-4

function readJson (name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'))
}

/** Every case of a group, one subtest each: the outputs of the graph against PyTorch's, made by make_network_goldens.py. */
export function checkNetworks (group: 'timm' | 'original' | 'other'): void {
  const cases = readJson('cases.json') as Cases
  const goldens = readJson(`goldens-${group}.json`) as Record<string, Golden>
  for (const { name, variant, traits, normalisation, classes, pyramid, firstConvScale } of cases.cases[group]!) {
    const network: Network = { variant: variantNamed(variant)!, traits: cases.traits[traits]!, classes, pyramid }
    t.test(name, async t => {
      const read = checkTensors(t, network, goldens[name]!, firstConvScale)
      await checkOutputs(t, network, foldWeights(network, cases.normalisations[normalisation]!, read), goldens[name]!)
    })
  }
}

function checkTensors (t: Test, network: Network, golden: Golden, firstConvScale: number | undefined): (name: string) => Float32Array {
  const tensors = canonicalTensors(network)
  const lines = [...tensors].map(([name, shape]) => `${name} ${shape.join('x')}`).sort()
  t.same({ count: tensors.size, hash: hashName(lines.join('\n')) }, golden.tensors, 'the same tensors in the same shapes')
  return name => seededWeight(name, tensors.get(name)!, firstConvScale)
}

async function checkOutputs (t: Test, network: Network, weights: FoldedWeights, golden: Golden): Promise<void> {
  const names = Object.keys(golden.runs[0]!.outputs) as OutputName[]
  const session = await InferenceSession.create(writeOnnx(network, weights, depthFor(names)))
  t.same([...session.outputNames].sort(), [...names].sort(), 'the outputs the reference has')
  for (const { height, width, outputs } of golden.runs) {
    const results = await session.run({ [INPUT_NAME]: new Tensor('uint8', seededImage(height, width), [1, height, width, 3]) })
    for (const name of names) {
      const label = `${name} at ${height} x ${width}`
      t.same(results[name]!.dims, outputs[name].shape, `${label}: shape`)
      t.same(outputShape(network, name, 1, height, width), outputs[name].shape, `${label}: shape foretold`)
      const worst = deviation(name, results[name]!.data as Float32Array, outputs[name])
      t.ok(worst <= TOLERANCE, `${label}: off by ${worst.toExponential(1)} of its standard deviation`)
    }
  }
  await session.release()
}

/** The largest difference of a sample, of the mean and of the standard deviation, in standard deviations of the golden. */
function deviation (name: string, values: Float32Array, golden: GoldenOutput): number {
  const samples = new Float32Array(new Uint8Array(Buffer.from(golden.samples, 'base64')).buffer)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  const differences = sampleIndices(name, values.length).map((index, sample) => Math.abs(values[index]! - samples[sample]!))
  return Math.max(...differences, Math.abs(mean - golden.mean), Math.abs(std - golden.std)) / golden.std
}
