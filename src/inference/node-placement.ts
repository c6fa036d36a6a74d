import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ServiceError } from '../errors.js'
import type { Provider } from './device.js'

/** A node of the graph as it ran. */
export interface PlacedNode {
  readonly provider: string
  readonly op: string
  /** ONNX Runtime's names, e.g. `float`, `int64`. */
  readonly outputTypes: readonly string[]
}

/** What ONNX Runtime calls them where nodes may run, the one asked for first. */
const NAMES: Readonly<Record<Provider, readonly [string, ...string[]]>> = {
  cpu: ['CPUExecutionProvider'],
  cuda: ['CUDAExecutionProvider'],
  tensorrt: ['TensorrtExecutionProvider', 'CUDAExecutionProvider'],
  webgpu: ['WebGpuExecutionProvider']
}

/** A folder for ONNX Runtime to write a session's profile to. */
export interface ProfileFolder {
  /** The session option profileFilePrefix. */
  readonly prefix: string
  /** The nodes that ran until the session's profiling ended. */
  nodes (): PlacedNode[]
  remove (): void
}

/** undefined where there is no folder for temporary files that can be written to. */
export function openProfileFolder (parent: string = tmpdir()): ProfileFolder | undefined {
  let folder: string
  try {
    folder = mkdtempSync(join(parent, 'vovnet-profile-'))
  } catch {
    return undefined
  }
  return {
    prefix: join(folder, 'profile'),
    nodes: () => readdirSync(folder).flatMap(file => nodesOf(readFileSync(join(folder, file), 'utf8'))),
    remove: () => rmSync(folder, { recursive: true, force: true })
  }
}

interface ProfileEvent { cat?: string, args?: { provider?: string, op_name?: string, output_type_shape?: Array<Record<string, unknown>> } }

/** The node events of a profile of one run. */
export function nodesOf (profile: string): PlacedNode[] {
  return (JSON.parse(profile) as ProfileEvent[]).flatMap(({ cat, args }) => {
    if (cat !== 'Node' || args?.provider === undefined) return []
    return [{ provider: args.provider, op: args.op_name ?? '?', outputTypes: (args.output_type_shape ?? []).flatMap(Object.keys) }]
  })
}

export function countByProvider (nodes: readonly PlacedNode[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { provider } of nodes) counts[provider] = (counts[provider] ?? 0) + 1
  return counts
}

/**
 * Some nodes ran where they should, and none elsewhere but integer arithmetic with the image's sides on the CPU.
 * @throws ServiceError provider_unavailable naming what ran where
 */
export function requirePlacement (provider: Provider, nodes: readonly PlacedNode[]): void {
  const [wanted, ...tolerated] = NAMES[provider]
  const strays = nodes.filter(node => node.provider !== wanted && !tolerated.includes(node.provider) && !isShapeArithmetic(node))
  if (strays.length === 0 && nodes.some(node => node.provider === wanted)) return
  const received = strays.length === 0 ? 'none' : [...new Set(strays.map(({ op, provider }) => `${op} on ${provider}`))].slice(0, 5).join(', ')
  throw new ServiceError('provider_unavailable', `${provider}: expected the network's nodes on ${wanted}, received ${received}`, { param: 'EXECUTION_PROVIDER' })
}

function isShapeArithmetic ({ provider, outputTypes }: PlacedNode): boolean {
  return provider === 'CPUExecutionProvider' && outputTypes.length > 0 && outputTypes.every(type => type === 'int64')
}
