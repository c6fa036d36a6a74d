import { basename } from 'node:path'
import { countMacs, countParameters } from '../model/cost.js'
import { channelsOf, depthFor, mapsOf, minimumSide, strideOf } from '../model/shapes.js'
import type { LoadedModel } from '../weights/load.js'

/** How runs are laid out on this machine. */
export interface RunPlan {
  readonly provider: string
  readonly precision: string
  readonly instances: number
  readonly threadsPerInstance: number
  readonly maxBatchSize: number
}

/** A model as the API shows it. GMACs are for one image of the model's own size, 224x224 where it has none. */
export function modelCard (model: LoadedModel, plan: RunPlan, isDefault: boolean): unknown {
  const { network, preprocess } = model
  const { provider, precision, ...batchPlan } = plan
  return {
    id: model.id,
    object: 'model',
    default: isDefault,
    variant: network.variant.name,
    dialect: model.dialect,
    file: basename(model.file),
    sha256: model.sha256,
    license: model.license ?? null,
    source: model.source ?? null,
    labels: model.labels ?? null,
    parameters: countParameters(network).total,
    gmacs: gmacs(model),
    outputs: mapsOf(network).map(name => ({ name, channels: channelsOf(network, name), stride: strideOf(network, name), minimum_side: minimumSide(network, depthFor([name])) })),
    preprocessing: preprocess,
    provider,
    precision,
    plan: batchPlan
  }
}

function gmacs ({ network, preprocess: { geometry } }: LoadedModel): { width: number, height: number, gmacs: number } {
  const { width, height } = geometry
  return { width, height, gmacs: Number((countMacs(network, height, width).total / 1e9).toFixed(4)) }
}
