import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { toHalf } from './float16.js'
import { foldedValues, type FoldedWeights } from './fold.js'
import { buildGraph, type Precision } from './graph.js'
import type { Attribute, Constant, Graph, GraphNode, Port } from './graph-builder.js'
import type { Depth, Network, OutputName } from './network.js'

export { INPUT_NAME } from './graph.js'

export interface OnnxOptions {
  /** Default: all of `outputsOf(network, depth)`. */
  readonly outputs?: readonly OutputName[]
  /** Default: fp32. */
  readonly precision?: Precision
  /** A key of OPSETS. */
  readonly opset?: number
  /** Goes into the file's metadata_props, for whoever opens it. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Operator sets in which every operator used here means the same (below 13 Resize cannot leave out its region), each with the IR
 * version that was released with it (the table in ONNX's docs/Versioning.md).
 */
export const OPSETS: ReadonlyMap<number, number> = new Map([[13, 7], [14, 7], [15, 8], [16, 8], [17, 8], [18, 8], [19, 9], [20, 9], [21, 10], [22, 10], [23, 11], [24, 12], [25, 13]])
/** Known to every runtime of the last years. */
export const DEFAULT_OPSET = 17

/** TensorProto.DataType of onnx.proto. */
const DATA_TYPE = { float32: 1, uint8: 2, int64: 7, float16: 10 } as const
/** AttributeProto.AttributeType of onnx.proto. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, ints: 7 } as const

/**
 * The prefix graph of a depth with its weights as ONNX ModelProto bytes. The weights are copied once, from the shared buffer into
 * the result, which is as large as they are and a few tens of kilobytes.
 */
export function writeOnnx (network: Network, weights: FoldedWeights, depth: Depth, { outputs, precision, opset = DEFAULT_OPSET, metadata = {} }: OnnxOptions = {}): Uint8Array<ArrayBuffer> {
  const graph = graphChunks(buildGraph(network, weights.normalisation, depth, outputs, precision), weights)
  const head = new BinaryWriter()
  head.tag(1, WireType.Varint).int64(OPSETS.get(opset)!)
  head.tag(2, WireType.LengthDelimited).string('vovnet-serve')
  head.tag(8, WireType.LengthDelimited).fork() // domain "" is the ONNX operators' own
  head.tag(2, WireType.Varint).int64(opset).join()
  for (const [key, value] of Object.entries(metadata)) {
    head.tag(14, WireType.LengthDelimited).fork()
    head.tag(1, WireType.LengthDelimited).string(key)
    head.tag(2, WireType.LengthDelimited).string(value).join()
  }
  head.tag(7, WireType.LengthDelimited).uint32(byteLength(graph))
  return joinChunks([head.finish(), ...graph])
}

/** The fields of GraphProto; weights appear as views of the shared buffer. */
function graphChunks (graph: Graph, weights: FoldedWeights): Uint8Array[] {
  const writer = new BinaryWriter()
  for (const node of graph.nodes) writeNode(writer, node)
  writer.tag(2, WireType.LengthDelimited).string(graph.name)
  for (const [name, constant] of graph.constants) writeConstant(writer, name, constant)
  for (const port of graph.inputs) writePort(writer, 11, port)
  for (const port of graph.outputs) writePort(writer, 12, port)
  return [writer.finish(), ...[...graph.weights].flatMap(name => weightChunks(name, weights, graph.halved.has(name)))]
}

function writeNode (writer: BinaryWriter, { op, inputs, output, attributes }: GraphNode): void {
  writer.tag(1, WireType.LengthDelimited).fork()
  for (const input of inputs) writer.tag(1, WireType.LengthDelimited).string(input)
  writer.tag(2, WireType.LengthDelimited).string(output)
  writer.tag(3, WireType.LengthDelimited).string(output)
  writer.tag(4, WireType.LengthDelimited).string(op)
  for (const [name, attribute] of Object.entries(attributes)) writeAttribute(writer, name, attribute)
  writer.join()
}

function writeAttribute (writer: BinaryWriter, name: string, attribute: Attribute): void {
  writer.tag(5, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name)
  let type: number
  if ('int' in attribute) {
    type = ATTRIBUTE_TYPE.int
    writer.tag(3, WireType.Varint).int64(attribute.int)
  } else if ('ints' in attribute) {
    type = ATTRIBUTE_TYPE.ints
    for (const value of attribute.ints) writer.tag(8, WireType.Varint).int64(value)
  } else if ('float' in attribute) {
    type = ATTRIBUTE_TYPE.float
    writer.tag(2, WireType.Bit32).float(attribute.float)
  } else {
    type = ATTRIBUTE_TYPE.text
    writer.tag(4, WireType.LengthDelimited).string(attribute.text)
  }
  writer.tag(20, WireType.Varint).int32(type).join()
}

function writeConstant (writer: BinaryWriter, name: string, { type, shape, values }: Constant): void {
  const array = type === 'float32' ? Float32Array.from(values) : BigInt64Array.from(values, BigInt)
  writer.tag(5, WireType.LengthDelimited).fork()
  writeTensorHead(writer, name, type, shape)
  writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(array.buffer)).join()
}

function writeTensorHead (writer: BinaryWriter, name: string, type: keyof typeof DATA_TYPE, shape: readonly number[]): void {
  for (const side of shape) writer.tag(1, WireType.Varint).int64(side)
  writer.tag(2, WireType.Varint).int32(DATA_TYPE[type])
  writer.tag(8, WireType.LengthDelimited).string(name)
}

/** A TensorProto of a folded weight: the fields before its bytes, and a view of them (in half precision a copy). */
function weightChunks (name: string, weights: FoldedWeights, half: boolean): Uint8Array[] {
  const { shape, offset, length } = weights.tensors.get(name)!
  const bytes = half ? new Uint8Array(toHalf(foldedValues(weights, name)).buffer) : new Uint8Array(weights.buffer, offset, length * 4)
  const fields = new BinaryWriter()
  // ONNX sees ECA's Conv1d over channels as a two-dimensional convolution of width 1.
  writeTensorHead(fields, name, half ? 'float16' : 'float32', name.endsWith('.attn.conv.weight') ? [...shape, 1] : shape)
  fields.tag(9, WireType.LengthDelimited).uint32(bytes.length)
  const head = fields.finish()
  const start = new BinaryWriter().tag(5, WireType.LengthDelimited).uint32(head.length + bytes.length).finish()
  return [start, head, bytes]
}

function writePort (writer: BinaryWriter, field: number, { name, type, shape }: Port): void {
  writer.tag(field, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name)
  writer.tag(2, WireType.LengthDelimited).fork() // TypeProto
  writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(DATA_TYPE[type]) // TypeProto.Tensor
  writer.tag(2, WireType.LengthDelimited).fork() // TensorShapeProto
  for (const side of shape) {
    writer.tag(1, WireType.LengthDelimited).fork()
    if (typeof side === 'number') writer.tag(1, WireType.Varint).int64(side)
    else writer.tag(2, WireType.LengthDelimited).string(side)
    writer.join()
  }
  writer.join().join().join().join()
}

function byteLength (chunks: readonly Uint8Array[]): number {
  return chunks.reduce((total, chunk) => total + chunk.length, 0)
}

function joinChunks (chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(byteLength(chunks))
  let end = 0
  for (const chunk of chunks) {
    joined.set(chunk, end)
    end += chunk.length
  }
  return joined
}
