import { InferenceSession, Tensor } from 'onnxruntime-node'
import { foldWeights } from '../../src/model/fold.js'
import { kaimingWeights } from '../../src/model/kaiming.js'
import type { Depth, Network, OutputName, Traits, VariantSpec } from '../../src/model/network.js'
import { INPUT_NAME, writeOnnx } from '../../src/model/onnx.js'
import type { Normalisation } from '../../src/model/preprocess.js'

export const DETECTRON2: Traits = { attention: 'ese', attentionBlocks: 'every', identity: 'after-first', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 }
export const HUNDRED: Traits = { ...DETECTRON2, stemStrides: [2, 1, 1], pooling: 'padded' }
export const PLAIN: Normalisation = { range: 255, channels: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] }
export const IMAGENET: Normalisation = { range: 1, channels: 'rgb', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/** Four channels wide everywhere: structure without cost. */
export const TINY: VariantSpec = { name: 'tiny', stem: [4, 4, 4], stageConvCh: [4, 4, 4, 4], stageOutCh: [8, 8, 8, 8], layerPerBlock: 2, blockPerStage: [1, 1, 2, 1], eSE: true, dw: false }

export function networkOf (variant: VariantSpec, rest: Partial<Network> = {}): Network {
  return { variant, traits: DETECTRON2, classes: 0, pyramid: undefined, ...rest }
}

export type Runner = (images: Uint8Array<ArrayBuffer>, batch: number, height: number, width: number) => Promise<Map<OutputName, Tensor>>

/** A graph as a function; Kaiming weights of seed 1 unless `read` gives others. */
export async function startNetwork (network: Network, depth: Depth, options: { read?: (name: string) => Float32Array, normalisation?: Normalisation } = {}): Promise<Runner> {
  const weights = foldWeights(network, options.normalisation ?? IMAGENET, options.read ?? kaimingWeights(network, 1))
  const session = await InferenceSession.create(writeOnnx(network, weights, depth))
  return async (images, batch, height, width) => {
    const outputs = await session.run({ [INPUT_NAME]: new Tensor('uint8', images, [batch, height, width, 3]) })
    return new Map(Object.entries(outputs)) as Map<OutputName, Tensor>
  }
}

/** Bytes without a pattern. */
export function noise (length: number, start = 1): Uint8Array<ArrayBuffer> {
  let state = start
  return Uint8Array.from({ length }, () => {
    state = (state * 48271) % 2147483647
    return state & 255
  })
}

export function values (outputs: Map<OutputName, Tensor>, name: OutputName): Float32Array {
  return outputs.get(name)!.data as Float32Array
}
