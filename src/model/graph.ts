import { architectureOf, ecaKernel, type Block, type ConvUnit, type StageLayout } from './architecture.js'
import type { FoldedWeights } from './fold.js'
import { GraphBuilder, type Graph, type Port } from './graph-builder.js'
import { STAGES, type Depth, type MapName, type Network, type OutputName, type Stage } from './network.js'
import { addPadding, addPyramid } from './pyramid-graph.js'
import { channelsOf, mapsOf, outputsOf } from './shapes.js'

/** The graph's one input. */
export const INPUT_NAME = 'image'

/** The arithmetic of the convolutions and all that is between them. What a graph takes and gives is the same in each. */
export const PRECISIONS = ['fp32', 'fp16'] as const
export type Precision = typeof PRECISIONS[number]

/** TensorProto.DataType of onnx.proto, as Cast takes it. */
const FLOAT = { to: { int: 1 } }
const HALF = { to: { int: 10 } }

/** GeM as the retrieval papers use it: cube, mean, cube root, of values clamped below. */
const GEM_POWER = 3
const GEM_LEAST = 1e-6

/**
 * The prefix graph of a depth. Input `image` (INPUT_NAME): uint8 [N, H, W, 3], RGB, N, H and W free. Outputs: those named, by default all of
 * `outputsOf`; float32 [N, C, H', W'] for a map, [N, C] for pooled vectors, [N, classes] for the logits.
 * A network with a pyramid pads the normalised image with zeros, right and bottom, to whole multiples of 32, at every depth, so that
 * a stage's map is the same alone as beside the pyramid's.
 * In fp16 the image is still normalised in float32, whose mean is not rounded, and maps are pooled and classified in float32,
 * whose range a cube of GeM does not leave.
 */
export function buildGraph (network: Network, normalisation: FoldedWeights['normalisation'], depth: Depth, wanted: readonly OutputName[] = outputsOf(network, depth), precision: Precision = 'fp32'): Graph {
  const builder = new GraphBuilder()
  const { stem, stages } = architectureOf(network)
  const deepest: Stage = depth === 'fpn' ? 'stage5' : depth
  const half = precision === 'fp16'
  // A map's own name is that of its float32 values.
  const computed = (map: MapName): string => half ? `${map}.half` : map

  let value = addInput(builder, normalisation)
  if (network.pyramid !== undefined) value = addPadding(builder, value)
  if (half) value = builder.node('input.half', 'Cast', [value], HALF)
  stem.forEach((unit, index) => { value = addUnit(builder, unit, value, index === stem.length - 1 ? computed('stem') : undefined) })
  for (const layout of stages.slice(0, STAGES.indexOf(deepest))) value = addStage(builder, layout, value, computed(layout.stage))
  if (depth === 'fpn') addPyramid(builder, network, computed)
  const halved = new Set(half ? builder.weights : [])
  if (half) addFloatMaps(builder, network, deepest, wanted, computed)
  addVectors(builder, deepest, wanted)

  const image: Port = { name: INPUT_NAME, type: 'uint8', shape: ['batch', 'height', 'width', 3] }
  const { nodes, constants, weights } = builder
  return { name: `${network.variant.name} to ${depth}`, nodes, constants, weights, halved, inputs: [image], outputs: wanted.map(output => outputPort(network, output)) }
}

function outputPort (network: Network, name: OutputName): Port {
  if (name === 'logits') return { name, type: 'float32', shape: ['batch', network.classes] }
  const [map, pool] = name.split('.') as [Stage, string?]
  const channels = channelsOf(network, map)
  return { name, type: 'float32', shape: pool === undefined ? ['batch', channels, `${map}_height`, `${map}_width`] : ['batch', channels] }
}

function addInput (builder: GraphBuilder, { mean, std }: FoldedWeights['normalisation']): string {
  // Transposing bytes moves a quarter of what transposing floats would.
  const planes = builder.node('input.planes', 'Transpose', [INPUT_NAME], { perm: { ints: [0, 3, 1, 2] } })
  const float = builder.node('input.float', 'Cast', [planes], FLOAT)
  const centred = builder.node('input.centred', 'Sub', [float, builder.constant('input.mean', 'float32', mean, [1, 3, 1, 1])])
  return builder.node('input.normalised', 'Div', [centred, builder.constant('input.std', 'float32', std, [1, 3, 1, 1])])
}

function addUnit (builder: GraphBuilder, unit: ConvUnit, input: string, output = `${unit.name}.out`): string {
  const { name, kernel, stride } = unit
  const spatial = { kernel_shape: { ints: [kernel, kernel] }, strides: { ints: [stride, stride] }, pads: { ints: Array<number>(4).fill(kernel === 3 ? 1 : 0) } }
  if (!unit.separable) {
    const conv = builder.node(`${name}.conv`, 'Conv', [input, builder.weight(`${name}.conv.weight`), builder.weight(`${name}.conv.bias`)], spatial)
    return builder.node(output, 'Relu', [conv])
  }
  const depthwise = builder.node(`${name}.conv_dw`, 'Conv', [input, builder.weight(`${name}.conv_dw.weight`)], { ...spatial, group: { int: unit.inputs } })
  const pointwise = builder.node(`${name}.conv_pw`, 'Conv', [depthwise, builder.weight(`${name}.conv_pw.weight`), builder.weight(`${name}.conv_pw.bias`)], { kernel_shape: { ints: [1, 1] } })
  return builder.node(output, 'Relu', [pointwise])
}

function addStage (builder: GraphBuilder, { stage, pooling, blocks }: StageLayout, input: string, output: string): string {
  let value = input
  if (pooling !== 'none') {
    const pads = Array<number>(4).fill(pooling === 'padded' ? 1 : 0)
    value = builder.node(`${stage}.pool`, 'MaxPool', [value], { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: pads }, ceil_mode: { int: pooling === 'ceil' ? 1 : 0 } })
  }
  blocks.forEach((block, index) => { value = addBlock(builder, block, value, index === blocks.length - 1 ? output : `${block.name}.out`) })
  return value
}

function addBlock (builder: GraphBuilder, block: Block, input: string, output: string): string {
  const features = [input]
  let value = block.reduction === undefined ? input : addUnit(builder, block.reduction, input)
  for (const layer of block.layers) {
    value = addUnit(builder, layer, value)
    features.push(value)
  }
  const aggregated = builder.node(`${block.name}.features`, 'Concat', features, { axis: { int: 1 } })
  // Whichever step comes last makes the value named as the block's output.
  const steps = { attention: block.identity ? undefined : output, concat: block.identity || block.attention !== 'none' ? undefined : output }
  value = addUnit(builder, block.concat, aggregated, steps.concat)
  if (block.attention !== 'none') value = addAttention(builder, block, value, steps.attention)
  return block.identity ? builder.node(output, 'Add', [value, input]) : value
}

function addAttention (builder: GraphBuilder, block: Block, input: string, output = `${block.name}.attn.out`): string {
  const name = `${block.name}.attn`
  const mean = builder.node(`${name}.mean`, 'GlobalAveragePool', [input])
  return builder.node(output, 'Mul', [input, block.attention === 'ese' ? addEse(builder, name, mean) : addEca(builder, name, mean, ecaKernel(block.outputs))])
}

function addEse (builder: GraphBuilder, name: string, mean: string): string {
  const mixed = builder.node(`${name}.fc`, 'Conv', [mean, builder.weight(`${name}.fc.weight`), builder.weight(`${name}.fc.bias`)], { kernel_shape: { ints: [1, 1] } })
  return builder.node(`${name}.gate`, 'HardSigmoid', [mixed], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })
}

/** A convolution along the channels: [N, C, 1, 1] turned to [N, 1, C, 1] and back. */
function addEca (builder: GraphBuilder, name: string, mean: string, taps: number): string {
  const turn = { perm: { ints: [0, 2, 1, 3] } }
  const row = builder.node(`${name}.row`, 'Transpose', [mean], turn)
  const reach = (taps - 1) / 2
  const mixed = builder.node(`${name}.conv`, 'Conv', [row, builder.weight(`${name}.conv.weight`)], { kernel_shape: { ints: [taps, 1] }, pads: { ints: [reach, 0, reach, 0] } })
  return builder.node(`${name}.gate`, 'Transpose', [builder.node(`${name}.sigmoid`, 'Sigmoid', [mixed])], turn)
}

/** The maps that are put out or pooled, in float32. */
function addFloatMaps (builder: GraphBuilder, network: Network, deepest: Stage, wanted: readonly OutputName[], computed: (map: MapName) => string): void {
  const read = new Set(wanted.map(name => name === 'logits' ? deepest : name.split('.')[0]))
  for (const map of mapsOf(network)) if (read.has(map)) builder.node(map, 'Cast', [computed(map)], FLOAT)
}

/** The pooled vectors of the deepest stage and the logits, as far as they are wanted. */
function addVectors (builder: GraphBuilder, stage: Stage, wanted: readonly OutputName[]): void {
  const flat = (output: string, pooled: string): string => builder.node(output, 'Flatten', [pooled], { axis: { int: 1 } })
  const wantsLogits = wanted.includes('logits')
  if (wantsLogits || wanted.includes(`${stage}.avg`)) flat(`${stage}.avg`, builder.node(`${stage}.mean`, 'GlobalAveragePool', [stage]))
  if (wanted.includes(`${stage}.max`)) flat(`${stage}.max`, builder.node(`${stage}.peak`, 'GlobalMaxPool', [stage]))
  if (wanted.includes(`${stage}.gem`)) {
    const clamped = builder.node('gem.clamped', 'Clip', [stage, builder.constant('gem.least', 'float32', [GEM_LEAST], [])])
    const raised = builder.node('gem.raised', 'Pow', [clamped, builder.constant('gem.power', 'float32', [GEM_POWER], [])])
    const vector = flat('gem.vector', builder.node('gem.mean', 'GlobalAveragePool', [raised]))
    builder.node(`${stage}.gem`, 'Pow', [vector, builder.constant('gem.root', 'float32', [1 / GEM_POWER], [])])
  }
  if (wantsLogits) builder.node('logits', 'Gemm', [`${stage}.avg`, builder.weight('head.fc.weight'), builder.weight('head.fc.bias')], { transB: { int: 1 } })
}
