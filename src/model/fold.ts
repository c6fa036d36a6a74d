import { ServiceError } from '../errors.js'
import { architectureOf, unitsOf, type Architecture, type ConvUnit } from './architecture.js'
import type { Network } from './network.js'
import { attentionTensors, convTensors, elements, headTensors, pyramidTensors } from './network-tensors.js'
import type { Normalisation } from './preprocess.js'

export interface FoldedTensor {
  readonly shape: readonly number[]
  /** Bytes from the start of the buffer, a multiple of 64. */
  readonly offset: number
  /** Elements (float32). */
  readonly length: number
}

/**
 * All the weights a graph needs, batch norm folded in, in one buffer that threads share. Plain data: it survives a structured
 * clone (the buffer is shared, not copied). Names are the canonical ones; a folded unit's bias is `<unit>.conv.bias`, or
 * `<unit>.conv_pw.bias` where it is separable.
 */
export interface FoldedWeights {
  readonly buffer: SharedArrayBuffer
  readonly tensors: ReadonlyMap<string, FoldedTensor>
  /** RGB order, units of 0..255: the network's input is (pixel - mean) / std. */
  readonly normalisation: { readonly mean: readonly number[], readonly std: readonly number[] }
}

type Reader = (name: string) => Float32Array

/** Cache lines, so that no tensor shares one with its neighbour. */
const ALIGNMENT = 64

/**
 * Folds a checkpoint for the graph, in float64, one tensor at a time: `read` gets each canonical name once, and what it returns
 * may be reused by the next call. A network trained on BGR has the first convolution's input channels turned round, so that requests
 * carry RGB. The mean is not folded into that convolution: its zero padding would stand for the mean's colour at the border.
 * @throws ServiceError checkpoint_mismatch when a tensor has the wrong number of values, or one that is not finite
 */
export function foldWeights (network: Network, normalisation: Normalisation, read: Reader): FoldedWeights {
  const architecture = architectureOf(network)
  const tensors = layOut(network, architecture)
  const last = [...tensors.values()].at(-1)!
  const weights = { buffer: new SharedArrayBuffer(last.offset + last.length * 4), tensors, normalisation: inRgb255(normalisation) }

  for (const unit of allUnits(architecture)) foldUnit(unit, network.traits.bnEps, weights, read)
  for (const [name] of unfolded(network, architecture)) {
    const target = foldedValues(weights, name)
    target.set(readChecked(read, name, target.length))
  }
  if (normalisation.channels === 'bgr') reverseInputs(foldedValues(weights, 'stem.0.conv.weight'))
  return weights
}

/** A view of one tensor's values in the shared buffer. */
export function foldedValues (weights: FoldedWeights, name: string): Float32Array<SharedArrayBuffer> {
  const tensor = weights.tensors.get(name)
  if (tensor === undefined) throw new ServiceError('internal', `no folded tensor named ${name}`)
  return new Float32Array(weights.buffer, tensor.offset, tensor.length)
}

function layOut (network: Network, architecture: Architecture): Map<string, FoldedTensor> {
  const tensors = new Map<string, FoldedTensor>()
  let end = 0
  for (const [name, shape] of [...allUnits(architecture).flatMap(foldedUnitTensors), ...unfolded(network, architecture)]) {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    const length = elements(shape)
    tensors.set(name, { shape, offset, length })
    end = offset + length * 4
  }
  return tensors
}

function allUnits ({ stem, stages }: Architecture): ConvUnit[] {
  return [...stem, ...stages.flatMap(stage => stage.blocks.flatMap(unitsOf))]
}

function foldedUnitTensors (unit: ConvUnit): Array<[name: string, shape: number[]]> {
  return [...convTensors(unit), [biasName(unit), [unit.outputs]]]
}

function biasName (unit: ConvUnit): string {
  return `${unit.name}.${unit.separable ? 'conv_pw' : 'conv'}.bias`
}

function unfolded (network: Network, { stages }: Architecture): Array<[name: string, shape: number[]]> {
  const attention = stages.flatMap(stage => stage.blocks.flatMap(attentionTensors))
  return [...attention, ...headTensors(network), ...pyramidTensors(network)]
}

/** s = gamma / sqrt(variance + eps); W' = W * s for each output channel; b' = beta - mean * s. */
function foldUnit (unit: ConvUnit, eps: number, weights: FoldedWeights, read: Reader): void {
  const norm = (part: string): Float32Array => readChecked(read, `${unit.name}.bn.${part}`, unit.outputs)
  const scale = Float64Array.from(norm('weight'))
  norm('running_var').forEach((variance, channel) => { scale[channel]! /= Math.sqrt(variance + eps) })
  const shift = Float64Array.from(norm('bias'))
  norm('running_mean').forEach((mean, channel) => { shift[channel]! -= mean * scale[channel]! })
  if (!scale.every(Number.isFinite)) throw mismatch(`${unit.name}.bn.running_var`, `variances whose sum with the epsilon ${eps} is positive`, 'one that is not')
  foldedValues(weights, biasName(unit)).set(shift)

  for (const [name, shape] of convTensors(unit)) {
    const target = foldedValues(weights, name)
    const values = readChecked(read, name, target.length)
    if (name.endsWith('.conv_dw.weight')) {
      target.set(values) // the norm follows the pointwise convolution and folds into that
      continue
    }
    const perChannel = target.length / shape[0]!
    for (let channel = 0, index = 0; channel < unit.outputs; channel++) {
      const factor = scale[channel]!
      for (const end = index + perChannel; index < end; index++) target[index] = values[index]! * factor
    }
  }
}

function readChecked (read: Reader, name: string, length: number): Float32Array {
  const values = read(name)
  if (values.length !== length) throw mismatch(name, `${length} values`, String(values.length))
  // A plain loop: with a callback for each of V-99's 70 million values this check was most of the folding.
  for (let index = 0; index < length; index++) {
    if (!Number.isFinite(values[index])) throw mismatch(name, 'finite values', `${values[index]} at index ${index}`)
  }
  return values
}

function mismatch (name: string, expected: string, received: string): ServiceError {
  return new ServiceError('checkpoint_mismatch', `tensor ${name}: expected ${expected}, received ${received}`, { param: name })
}

/** [O, 3, 3, 3]: the first and the last input channel change places. */
function reverseInputs (values: Float32Array): void {
  const plane = 9
  for (let start = 0; start < values.length; start += 3 * plane) {
    const first = values.slice(start, start + plane)
    values.copyWithin(start, start + 2 * plane, start + 3 * plane)
    values.set(first, start + 2 * plane)
  }
}

function inRgb255 ({ range, channels, mean, std }: Normalisation): FoldedWeights['normalisation'] {
  const order = (values: readonly number[]): number[] => {
    const scaled = values.map(value => value * 255 / range)
    return channels === 'bgr' ? scaled.reverse() : scaled
  }
  return { mean: order(mean), std: order(std) }
}
