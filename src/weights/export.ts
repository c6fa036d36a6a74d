import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { invalidParameter } from '../errors.js'
import type { Depth, OutputName } from '../model/network.js'
import { OPSETS, writeOnnx } from '../model/onnx.js'
import { DEPTHS, depthFor, outputsOf } from '../model/shapes.js'
import type { LoadedModel } from './load.js'
import { weightsError } from './weights-error.js'

/** What an exported file holds: the graph of a depth, and what of it is put out. */
export interface ExportPlan {
  readonly depth: Depth
  readonly outputs: readonly OutputName[]
  readonly opset: number
}

/**
 * The shallowest graph with the outputs that are asked for, or the whole network with all of its own.
 * @throws ServiceError invalid_parameter for an output the model does not have, or an opset that is not written
 */
export function planExport ({ network }: LoadedModel, outputs: readonly string[] | undefined, opset: number): ExportPlan {
  if (!OPSETS.has(opset)) throw invalidParameter('--opset', `a whole number from ${Math.min(...OPSETS.keys())} to ${Math.max(...OPSETS.keys())}`, opset)
  if (outputs === undefined) {
    const depth = network.pyramid === undefined ? 'stage5' : 'fpn'
    return { depth, outputs: outputsOf(network, depth), opset }
  }
  const known = new Set(DEPTHS.filter(depth => depth !== 'fpn' || network.pyramid !== undefined).flatMap(depth => outputsOf(network, depth)))
  const wanted = [...new Set(outputs)].map(name => {
    const output = [...known].find(one => one === name)
    if (output === undefined) throw invalidParameter('--outputs', `some of ${[...known].join(', ')}`, name)
    return output
  })
  return { depth: depthFor(wanted), outputs: wanted, opset }
}

/**
 * Writes the model's graph to `file`, which appears only when `check` did not throw on the bytes that will be its content.
 * @throws ServiceError weights_folder when it cannot be written, and what `check` throws
 */
export async function exportModel (model: LoadedModel, { depth, outputs, opset }: ExportPlan, file: string, check: (onnx: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<number> {
  const onnx = writeOnnx(model.network, model.weights, depth, { outputs, opset, metadata: metadataOf(model) })
  const size = onnx.length
  const partial = `${file}.${process.pid}.partial`
  try {
    writeFileSync(partial, onnx)
    await check(onnx)
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : weightsError(file, `cannot be written: ${(error as Error).message}`, error)
  }
  return size
}

/** For whoever opens the file: where it is from, and what the graph does not do itself (it does normalise). */
function metadataOf ({ id, sha256, network, dialect, preprocess: { geometry, autoorient }, labels, license, source }: LoadedModel): Record<string, string> {
  const optional = { license, source, labels: labels === undefined ? undefined : JSON.stringify(labels) }
  return {
    model: id,
    sha256,
    variant: network.variant.name,
    dialect,
    input: 'uint8 RGB [N, H, W, 3], normalised inside the graph',
    preprocess: JSON.stringify({ geometry, autoorient }),
    ...Object.fromEntries(Object.entries(optional).flatMap(([key, value]) => value === undefined ? [] : [[key, value]]))
  }
}
