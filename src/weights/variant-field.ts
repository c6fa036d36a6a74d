import { ServiceError } from '../errors.js'
import type { VariantSpec } from '../model/network.js'
import { parseVariantSpec } from '../model/variant-spec.js'
import { findVariant, variantNamed, VARIANTS } from '../model/variants.js'
import { weightsError } from './weights-error.js'

/**
 * A built-in variant's name, or a spec of one's own in the words of the original implementation; the latter is called
 * `custom` unless a built-in one has the same widths and depths.
 * @param where the file or command line that said it, for messages
 * @throws ServiceError weights_folder naming the field that is wrong
 */
export function readVariant (where: string, field: unknown): VariantSpec {
  if (typeof field === 'string') {
    const variant = variantNamed(field)
    if (variant === undefined) throw weightsError(where, `variant must be a spec or one of ${VARIANTS.map(({ name }) => name).join(', ')}, received ${JSON.stringify(field)}`)
    return variant
  }
  try {
    const spec = parseVariantSpec(field, 'custom')
    return findVariant(spec) ?? spec
  } catch (error) {
    throw error instanceof ServiceError ? weightsError(where, error.message, error) : error
  }
}
