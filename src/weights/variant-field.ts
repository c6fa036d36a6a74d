import Type, { type Static } from 'typebox'
import type { Quad, VariantSpec } from '../model/network.js'
import { findVariant, variantNamed, VARIANTS } from '../model/variants.js'
import { weightsError } from './weights-error.js'

const Width = Type.Integer({ minimum: 1, maximum: 65536 })
const Depth = Type.Integer({ minimum: 1, maximum: 256 })

/** A built-in variant's name, or a spec of one's own in the words of the original implementation. */
export const VariantSchema = Type.Union([
  Type.String(),
  Type.Object({
    name: Type.Optional(Type.String()),
    stem: Type.Tuple([Width, Width, Width]),
    stage_conv_ch: Type.Tuple([Width, Width, Width, Width]),
    stage_out_ch: Type.Tuple([Width, Width, Width, Width]),
    layer_per_block: Depth,
    block_per_stage: Type.Tuple([Depth, Depth, Depth, Depth]),
    eSE: Type.Boolean(),
    dw: Type.Boolean()
  }, { additionalProperties: false })
])
export type VariantField = Static<typeof VariantSchema>

/** @throws ServiceError weights_folder when no built-in variant has that name */
export function readVariant (file: string, field: VariantField): VariantSpec {
  if (typeof field === 'string') {
    const variant = variantNamed(field)
    if (variant === undefined) throw weightsError(file, `variant must be a spec or one of ${VARIANTS.map(({ name }) => name).join(', ')}, received ${JSON.stringify(field)}`)
    return variant
  }
  const spec: VariantSpec = {
    name: field.name ?? 'custom',
    stem: field.stem,
    stageConvCh: field.stage_conv_ch as Quad,
    stageOutCh: field.stage_out_ch as Quad,
    layerPerBlock: field.layer_per_block,
    blockPerStage: field.block_per_stage as Quad,
    eSE: field.eSE,
    dw: field.dw
  }
  return field.name === undefined ? findVariant(spec) ?? spec : spec
}
