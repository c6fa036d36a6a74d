import { basename } from 'node:path'
import { countMacs, countParameters } from '../model/cost.js'
import { channelsOf, depthFor, mapsOf, minimumSide, strideOf } from '../model/shapes.js'
import type { Device, DeviceCheck } from '../inference/device.js'
import type { RunPlan } from '../inference/plan.js'
import type { LoadedModel } from '../weights/load.js'

/** A served model with where and how it runs. */
export interface ModelStatus {
  readonly model: LoadedModel
  readonly device: Device
  readonly plan: RunPlan
  /** The most images a run may hold now: less than the plan's after the device ran out of memory. */
  readonly batchLimit: number
  /** What the model's check found on each device; [] while it is being loaded. */
  readonly checks: readonly DeviceCheck[]
}

/** A model as the API shows it. GMACs are for one image of the model's own size, 224x224 where it has none. */
export function modelCard ({ model, device, plan, batchLimit, checks }: ModelStatus, isDefault: boolean): unknown {
  const { network, preprocess } = model
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
    provider: device.provider,
    precision: device.precision,
    device: { ids: device.ids, reason: device.reason ?? null, fallback: device.fallback ?? false, checks: checks.map(checkCard) },
    plan: { ...plan, batchLimit }
  }
}

function checkCard ({ deviceId, nodes, golden }: DeviceCheck): unknown {
  return { id: deviceId ?? null, nodes: nodes ?? null, golden: golden ?? null }
}

function gmacs ({ network, preprocess: { geometry } }: LoadedModel): { width: number, height: number, gmacs: number } {
  const { width, height } = geometry
  return { width, height, gmacs: Number((countMacs(network, height, width).total / 1e9).toFixed(4)) }
}
