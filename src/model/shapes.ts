import { invalidParameter, ServiceError } from '../errors.js'
import { POOLS, STAGES, type Depth, type MapName, type Network, type OutputName, type Stage } from './network.js'

/** A network with a pyramid sees its image zero-padded to whole multiples of this (detectron2's size divisibility). */
export const PYRAMID_MULTIPLE = 32

/** Depths from the shallowest to the deepest. */
export const DEPTHS: readonly Depth[] = [...STAGES, 'fpn']

/** The depth of the whole network. */
export function deepestDepth ({ pyramid }: Network): Depth {
  return pyramid === undefined ? 'stage5' : 'fpn'
}

/** The pyramid's maps, finest first; p6 is the extra level above the coarsest. [] without a pyramid. */
export function pyramidMaps ({ pyramid }: Network): MapName[] {
  return pyramid === undefined ? [] : [...pyramid.stages.map(stage => `p${stage}` as MapName), 'p6']
}

/** Every feature map the network can put out, in the order of the forward pass. */
export function mapsOf (network: Network): MapName[] {
  return [...STAGES, ...pyramidMaps(network)]
}

/**
 * What a prefix graph of that depth puts out: every stage map up to the depth, the pooled vectors of its deepest stage, and from
 * stage5 on the logits where the network has a head; at `fpn` also the pyramid's maps.
 */
export function outputsOf (network: Network, depth: Depth): OutputName[] {
  const stage: Stage = depth === 'fpn' ? 'stage5' : depth
  const outputs: OutputName[] = STAGES.slice(0, STAGES.indexOf(stage) + 1)
  if (depth === 'fpn') outputs.push(...pyramidMaps(network))
  outputs.push(...POOLS.map(pool => `${stage}.${pool}` as const))
  if (stage === 'stage5' && network.classes > 0) outputs.push('logits')
  return outputs
}

/**
 * The shallowest depth whose graph puts out everything asked for.
 * @throws ServiceError invalid_parameter when pooled vectors are asked for of a stage above the deepest one, or nothing is
 */
export function depthFor (outputs: readonly OutputName[]): Depth {
  const rank = Math.max(-1, ...outputs.map(output => DEPTHS.indexOf(depthOf(output))))
  const depth = DEPTHS[rank]
  if (depth === undefined) throw invalidParameter('outputs', 'at least one output', '')
  const deepest = depth === 'fpn' ? 'stage5' : depth
  const stray = outputs.find(output => output.includes('.') && !output.startsWith(`${deepest}.`))
  if (stray !== undefined) throw invalidParameter('outputs', `pooled at ${deepest}, the deepest stage asked for`, stray)
  return depth
}

function depthOf (output: OutputName): Depth {
  if (output === 'logits') return 'stage5'
  const map = output.split('.')[0] as MapName
  return map.startsWith('p') ? 'fpn' : map as Stage
}

/** Input pixels a cell of the map stands for, in each direction. */
export function strideOf ({ traits }: Network, map: MapName): number {
  if (map.startsWith('p')) return 2 ** Number(map.slice(1))
  const stem = traits.stemStrides.reduce((product, stride) => product * stride)
  const stage = STAGES.indexOf(map as Stage)
  return stem * 2 ** (traits.pooling === 'padded' ? stage : Math.max(stage - 1, 0))
}

export function channelsOf ({ variant, pyramid }: Network, map: MapName): number {
  if (map.startsWith('p')) return pyramid?.channels ?? 0
  return map === 'stem' ? variant.stem[2] : variant.stageOutCh[STAGES.indexOf(map as Stage) - 1]!
}

/** Pixels along a side that the backbone sees for so many of the image: a network with a pyramid pads, at every depth. */
export function paddedSide ({ pyramid }: Network, side: number): number {
  return pyramid === undefined ? side : Math.ceil(side / PYRAMID_MULTIPLE) * PYRAMID_MULTIPLE
}

/** Cells of a map along one side for so many input pixels along it; 0 or less: the input is too small for the map. */
export function mapSide (network: Network, map: MapName, side: number): number {
  const { traits } = network
  if (map === 'p6') return Math.ceil(mapSide(network, 'p5', side) / 2)
  const stage = map.startsWith('p') ? Number(map.slice(1)) - 1 : STAGES.indexOf(map as Stage)
  // 3x3, padding 1: a stride s keeps every s-th position, the first included.
  let cells = traits.stemStrides.reduce((length, stride) => Math.ceil(length / stride), paddedSide(network, side))
  for (let index = 1; index <= stage; index++) {
    // 3x3 stride 2 in ceil mode without padding: PyTorch lets the last window start only inside the map, which leaves floor(n / 2).
    if (traits.pooling === 'padded') cells = Math.ceil(cells / 2)
    else if (index > 1) cells = Math.floor(cells / 2)
  }
  return cells
}

/** The shape of an output for `batch` images of height x width pixels: [N, C, H', W'] for a map, [N, C] for a vector. */
export function outputShape (network: Network, output: OutputName, batch: number, height: number, width: number): number[] {
  if (output === 'logits') return [batch, network.classes]
  const [map, pool] = output.split('.') as [MapName, string?]
  const channels = channelsOf(network, map)
  return pool === undefined ? [batch, channels, mapSide(network, map, height), mapSide(network, map, width)] : [batch, channels]
}

/**
 * The fewest pixels along a side with which every map down to the depth has at least one cell: 29 for stage5 where pooling is
 * `ceil`, 1 where it is `padded` or the input is padded for a pyramid. An empty map would end the process inside native code.
 */
export function minimumSide (network: Network, depth: Depth): number {
  const maps = depth === 'fpn' ? mapsOf(network) : STAGES.slice(0, STAGES.indexOf(depth) + 1)
  let side = 1
  while (maps.some(map => mapSide(network, map, side) < 1)) side++
  return side
}

/**
 * Call it before an image reaches native code.
 * @throws ServiceError image_too_small when a side is under minimumSide
 */
export function requireInputSize (network: Network, depth: Depth, height: number, width: number): void {
  const least = minimumSide(network, depth)
  if (height >= least && width >= least) return
  throw new ServiceError('image_too_small', `the network's input must be at least ${least} x ${least} pixels for ${depth}, received ${width} x ${height}`, { param: 'size' })
}
