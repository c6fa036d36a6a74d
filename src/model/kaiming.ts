import type { Network } from './network.js'
import { canonicalTensors, elements } from './network-tensors.js'
import { hashName, mulberry32 } from './random.js'

/**
 * Weights for a network nobody trained, as the original implementations start them: every 2-d convolution of the backbone
 * Kaiming-normal over its fan-in (`nn.init.kaiming_normal_`: standard deviation sqrt(2 / fan_in)), batch norm as the identity.
 * What they leave to PyTorch's default is uniform within 1 / sqrt(fan_in): the bias of eSE, the kernel of ECA, the weight of the
 * classifier (its bias is 0). The pyramid is detectron2's `c2_xavier_fill`: uniform within sqrt(3 / fan_in), bias 0.
 *
 * Returns a reader for `foldWeights` and the safetensors writer. A tensor's values depend on its name and the seed alone: mulberry32
 * started from FNV-1a of the name, and Box-Muller over it for the normal ones.
 */
export function kaimingWeights (network: Network, seed: number): (name: string) => Float32Array {
  const tensors = canonicalTensors(network)
  return name => {
    const shape = tensors.get(name)
    if (shape === undefined) throw new RangeError(`the network has no tensor ${name}`)
    const values = new Float32Array(elements(shape))
    const random = mulberry32(hashName(name, seed))
    const fanIn = elements(shape.slice(1))
    if (/\.bn\.(weight|running_var)$/.test(name)) return values.fill(1)
    if (name.endsWith('.attn.fc.bias')) return uniform(values, random, 1 / Math.sqrt(shape[0]!)) // its fan-in is its own width
    if (name.endsWith('.attn.conv.weight') || name === 'head.fc.weight') return uniform(values, random, 1 / Math.sqrt(fanIn))
    if (/^fpn\..*weight$/.test(name)) return uniform(values, random, Math.sqrt(3 / fanIn))
    return name.endsWith('.weight') ? normal(values, random, Math.sqrt(2 / fanIn)) : values
  }
}

function uniform (values: Float32Array, random: () => number, bound: number): Float32Array {
  for (let index = 0; index < values.length; index++) values[index] = (2 * random() - 1) * bound
  return values
}

/** Box-Muller; 1 - u keeps the logarithm's argument off zero. */
function normal (values: Float32Array, random: () => number, deviation: number): Float32Array {
  for (let index = 0; index < values.length; index += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    values[index] = radius * Math.cos(angle)
    if (index + 1 < values.length) values[index + 1] = radius * Math.sin(angle)
  }
  return values
}
