import { architectureOf, ecaKernel, unitsOf, type Block, type ConvUnit } from './architecture.js'
import { STAGES, type Depth, type MapName, type Network } from './network.js'
import { attentionTensors, convTensors, elements, headTensors, pyramidTensors } from './network-tensors.js'
import { mapSide, paddedSide } from './shapes.js'

/** A count split by part; `total` is their sum. */
export interface Cost {
  readonly backbone: number
  readonly head: number
  readonly pyramid: number
  readonly total: number
}

function cost (backbone: number, head: number, pyramid: number): Cost {
  return { backbone, head, pyramid, total: backbone + head + pyramid }
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function size (tensors: Array<[name: string, shape: number[]]>): number {
  return sum(tensors.map(([, shape]) => elements(shape)))
}

/** Learned values: weights and biases, batch norm's scale and shift; its running statistics are not counted (as `numel` of PyTorch parameters). */
export function countParameters (network: Network): Cost {
  const { stem, stages } = architectureOf(network)
  const unit = (unit: ConvUnit): number => size(convTensors(unit)) + 2 * unit.outputs
  const blocks = stages.flatMap(stage => stage.blocks)
  const backbone = sum(stem.map(unit)) + sum(blocks.map(block => sum(unitsOf(block).map(unit)) + size(attentionTensors(block))))
  return cost(backbone, size(headTensors(network)), size(pyramidTensors(network)))
}

/**
 * Multiply-adds of the convolutions and linear layers for one image of height x width pixels, down to a depth (by default all).
 * Norms fold away; activations, poolings and sums are not counted.
 */
export function countMacs (network: Network, height: number, width: number, depth: Depth = network.pyramid === undefined ? 'stage5' : 'fpn'): Cost {
  const { stem, stages } = architectureOf(network)
  const cells = (map: MapName): number => mapSide(network, map, height) * mapSide(network, map, width)
  const deepest = depth === 'fpn' ? 'stage5' : depth
  const run = stages.slice(0, STAGES.indexOf(deepest))

  const backbone = stemMacs(stem, network, height, width) + sum(run.map(stage => sum(stage.blocks.map(block => blockMacs(block, cells(stage.stage))))))
  const head = deepest === 'stage5' ? network.classes * network.variant.stageOutCh[3] : 0
  return cost(backbone, head, depth === 'fpn' ? pyramidMacs(network, cells) : 0)
}

function unitMacs (unit: ConvUnit, cells: number): number {
  return size(convTensors(unit)) * cells
}

function stemMacs (stem: readonly ConvUnit[], network: Network, height: number, width: number): number {
  let rows = paddedSide(network, height)
  let columns = paddedSide(network, width)
  return sum(stem.map(unit => {
    rows = Math.ceil(rows / unit.stride)
    columns = Math.ceil(columns / unit.stride)
    return unitMacs(unit, rows * columns)
  }))
}

function blockMacs (block: Block, cells: number): number {
  const attention = { none: 0, ese: block.outputs ** 2, eca: block.outputs * ecaKernel(block.outputs) }[block.attention]
  return sum(unitsOf(block).map(unit => unitMacs(unit, cells))) + attention
}

function pyramidMacs (network: Network, cells: (map: MapName) => number): number {
  const weights = pyramidTensors(network).filter(([name]) => name.endsWith('.weight'))
  return sum(weights.map(([name, shape]) => elements(shape) * cells(`p${name.split('.')[2]}` as MapName)))
}
