/** A node's attribute, tagged with its ONNX type. */
export type Attribute = { readonly int: number } | { readonly ints: readonly number[] } | { readonly float: number } | { readonly text: string }

export interface GraphNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A small tensor written into the graph, beside the folded weights. */
export type Constant =
  | { readonly type: 'float32', readonly shape: readonly number[], readonly values: readonly number[] }
  | { readonly type: 'int64', readonly shape: readonly number[], readonly values: readonly number[] }

/** What a graph takes or gives; a string is a free dimension's name. */
export interface Port {
  readonly name: string
  readonly type: 'uint8' | 'float32'
  readonly shape: ReadonlyArray<number | string>
}

export interface Graph {
  readonly name: string
  readonly nodes: readonly GraphNode[]
  readonly constants: ReadonlyMap<string, Constant>
  /** Names of the folded tensors it reads, each once. */
  readonly weights: ReadonlySet<string>
  /** Those of the weights that are written as float16. */
  readonly halved: ReadonlySet<string>
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
}

/** Collects nodes in the order they run. A value is known by its name; a node carries the name of the value it makes. */
export class GraphBuilder {
  readonly nodes: GraphNode[] = []
  readonly constants = new Map<string, Constant>()
  readonly weights = new Set<string>()

  node (output: string, op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    this.nodes.push({ op, inputs, output, attributes })
    return output
  }

  /** A folded tensor as an input. */
  weight (name: string): string {
    this.weights.add(name)
    return name
  }

  constant (name: string, type: Constant['type'], values: readonly number[], shape: readonly number[] = [values.length]): string {
    this.constants.set(name, { type, shape, values })
    return name
  }
}
