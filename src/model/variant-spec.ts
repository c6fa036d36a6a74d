import { ServiceError, show } from '../errors.js'
import { countParameters } from './cost.js'
import type { Quad, Traits, VariantSpec } from './network.js'

/** Widest convolution a spec may ask for; the widest published one has 1,024 channels. */
const MOST_CHANNELS = 8192
/** Most layers in a block and blocks in a stage; published: 5 and 9. */
const MOST_REPEATS = 64
/** An ONNX file is one protobuf message of less than 2 GiB: 2^29 float32 values. V-99-eSE has 70 million. */
const MOST_PARAMETERS = 500_000_000

/** The heaviest reading of a spec, to bound it before a checkpoint's own traits are known. */
const HEAVIEST: Traits = { attention: 'ese', attentionBlocks: 'every', identity: 'none', stemStrides: [2, 1, 2], pooling: 'ceil', bnEps: 1e-5 }

const FIELDS = ['stem', 'stage_conv_ch', 'stage_out_ch', 'layer_per_block', 'block_per_stage', 'eSE', 'dw']

/**
 * A spec of one's own, as `model.json` has it and in the words of the original implementation:
 * `{ stem, stage_conv_ch, stage_out_ch, layer_per_block, block_per_stage, eSE, dw }`. Every field is required, none is ignored.
 * @throws ServiceError weights_folder whose `param` is the field, e.g. `variant.stage_out_ch[2]`
 */
export function parseVariantSpec (json: unknown, name: string): VariantSpec {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong('variant', `an object with ${FIELDS.join(', ')}`, json)
  const fields = new Map<string, unknown>(Object.entries(json))
  const stranger = [...fields.keys()].find(field => !FIELDS.includes(field))
  if (stranger !== undefined) throw wrong(`variant.${stranger}`, `one of ${FIELDS.join(', ')}`, stranger)

  const whole = (field: string, value: unknown, most: number): number => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) throw wrong(field, `a whole number from 1 to ${most}`, value)
    return value
  }
  const list = (name: string, length: number, most: number): number[] => {
    const values = fields.get(name)
    if (!Array.isArray(values) || values.length !== length) throw wrong(`variant.${name}`, `a list of ${length} whole numbers from 1 to ${most}`, values)
    return values.map((value, index) => whole(`variant.${name}[${index}]`, value, most))
  }
  const flag = (name: string): boolean => {
    const value = fields.get(name)
    if (typeof value !== 'boolean') throw wrong(`variant.${name}`, 'true or false', value)
    return value
  }
  const spec: VariantSpec = {
    name,
    stem: list('stem', 3, MOST_CHANNELS) as [number, number, number],
    stageConvCh: list('stage_conv_ch', 4, MOST_CHANNELS) as unknown as Quad,
    stageOutCh: list('stage_out_ch', 4, MOST_CHANNELS) as unknown as Quad,
    layerPerBlock: whole('variant.layer_per_block', fields.get('layer_per_block'), MOST_REPEATS),
    blockPerStage: list('block_per_stage', 4, MOST_REPEATS) as unknown as Quad,
    eSE: flag('eSE'),
    dw: flag('dw')
  }
  const { total } = countParameters({ variant: spec, traits: HEAVIEST, classes: 0, pyramid: undefined })
  if (total > MOST_PARAMETERS) throw wrong('variant', `a network of at most ${MOST_PARAMETERS} parameters`, total)
  return spec
}

function wrong (field: string, expected: string, received: unknown): ServiceError {
  const shown = typeof received === 'object' ? JSON.stringify(received) : received
  return new ServiceError('weights_folder', `${field} must be ${expected}, received ${show(shown)}`, { param: field })
}
