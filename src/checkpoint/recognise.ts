import { ServiceError } from '../errors.js'
import type { Network, VariantSpec } from '../model/network.js'
import { canonicalTensors, elements } from '../model/network-tensors.js'
import type { Normalisation, Preprocess } from '../model/preprocess.js'
import { deriveAttention, deriveVariant, mismatch } from './derive-variant.js'
import { DIALECTS, dialectNamed } from './dialects/all.js'
import type { Dialect, DialectName } from './dialects/dialect.js'
import { meanColour } from './dialects/preprocessing.js'
import { findNames, type FoundNames } from './find-names.js'
import { findPyramid } from './names/pyramid.js'
import { readPixelStatistics } from './pixel-statistics.js'
import type { TensorSource } from './tensor-source.js'

/** What a model.json may say beforehand about the checkpoint beside it. */
export interface RecogniseOptions {
  /** Whose traits and preprocessing to take; the tensors' naming is still told from the file. */
  readonly dialect?: DialectName | undefined
  /** Which network of a file that holds several: what stands before its tensors' names. */
  readonly prefix?: string | undefined
  /** What the tensors must turn out to be; its name is kept. */
  readonly variant?: VariantSpec | undefined
}

export interface Recognised {
  readonly dialect: DialectName
  readonly network: Network
  /** The dialect's own, with what the file itself says about the normalisation. */
  readonly preprocess: Preprocess
  /** Canonical name -> the name stored in the file, for every tensor of the network. */
  readonly canonical: ReadonlyMap<string, string>
  /** Stored tensors that the network does not use, batch norm counters left out. */
  readonly unused: readonly string[]
  /** What was recognised by what, a sentence each, for `inspect`. */
  readonly reasons: readonly string[]
}

/**
 * Tells dialect, variant and preprocessing of a checkpoint from its tensors' names and shapes.
 * @throws ServiceError checkpoint_unrecognised when no dialect fits, checkpoint_mismatch when a tensor is missing or misshapen
 */
export function recognise (source: TensorSource, options: RecogniseOptions = {}): Recognised {
  const found = findNames(source, options.prefix)
  const { naming, prefix, canonical } = found
  const tensors = new Map([...canonical].map(([name, stored]) => [name, source.tensors.get(stored)!]))

  const attention = deriveAttention(tensors)
  const derived = deriveVariant(tensors, attention.attention, (name, expected) => { throw mismatch(source.file, found.stored(name), expected, 'no such tensor') })
  const variant = agree(source.file, derived, options.variant)
  const pyramid = findPyramid(source.tensors, prefix)
  const { dialect, reason } = chooseDialect(source, found, attention.attention, options.dialect)
  const network: Network = {
    variant,
    traits: { ...dialect.traits, ...attention },
    classes: tensors.get('head.fc.weight')?.shape[0] ?? 0,
    pyramid: pyramid.pyramid
  }
  const used = checkTensors(source, network, name => canonical.get(name) ?? pyramid.canonical.get(name), found)
  const preprocess = dialect.preprocess(network)
  const measured = readPixelStatistics(source, preprocess.normalisation)
  return {
    dialect: dialect.name,
    network,
    preprocess: measured === undefined ? preprocess : withNormalisation(preprocess, measured),
    canonical: used,
    unused: unusedTensors(source, used),
    reasons: [
      `format ${source.format}${source.wrappers.length === 0 ? '' : `, tensors under ${source.wrappers.join('.')}`}`,
      `naming ${naming.name}${prefix === '' ? '' : ` behind the prefix ${prefix}`}: found ${prefix}${naming.anchor}`,
      `dialect ${dialect.name}: ${reason}`,
      `variant ${variant.name}: from the shapes of ${used.size} tensors`,
      attention.attention === 'none'
        ? 'attention none: no such tensors'
        : `attention ${attention.attention} in ${attention.attentionBlocks} block of a stage: where its tensors are`,
      `identity ${dialect.traits.identity}, batch norm eps ${dialect.traits.bnEps}: not in the tensors, as ${dialect.title}`,
      ...network.classes === 0 ? [] : [`classifier of ${network.classes} classes: ${canonical.get('head.fc.weight')}`],
      ...pyramid.reason === undefined ? [] : [pyramid.reason],
      measured === undefined ? `normalisation: as ${dialect.title}` : 'normalisation: pixel_mean and pixel_std in the file'
    ]
  }
}

function chooseDialect (source: TensorSource, { naming, prefix }: FoundNames, attention: Network['traits']['attention'], chosen: DialectName | undefined): { dialect: Dialect, reason: string } {
  if (chosen !== undefined) return { dialect: dialectNamed(chosen), reason: 'as model.json says' }
  for (const dialect of DIALECTS.filter(dialect => dialect.naming === naming)) {
    const reason = dialect.recognise({ prefix, attention, names: source.tensors.keys() })
    if (reason !== undefined) return { dialect, reason }
  }
  const candidates = DIALECTS.filter(dialect => dialect.naming === naming).map(dialect => dialect.name)
  throw new ServiceError('checkpoint_unrecognised', `${source.file}: names as in ${candidates.join(', ')}, but with attention ${attention} and prefix "${prefix}" it is none of them`)
}

function agree (file: string, derived: VariantSpec, wanted: VariantSpec | undefined): VariantSpec {
  if (wanted === undefined) return derived
  for (const key of ['stem', 'stageConvCh', 'stageOutCh', 'layerPerBlock', 'blockPerStage', 'eSE', 'dw'] as const) {
    if (String(wanted[key]) === String(derived[key])) continue
    throw new ServiceError('checkpoint_mismatch', `${file}: ${key} must be ${String(wanted[key])} as variant ${wanted.name} in model.json has it, but the tensors show ${String(derived[key])}`, { param: key })
  }
  return { ...derived, name: wanted.name }
}

/** Compares every tensor of the network with the file's, and returns canonical -> stored for exactly those. */
function checkTensors (source: TensorSource, network: Network, storedOf: (canonical: string) => string | undefined, found: FoundNames): Map<string, string> {
  const used = new Map<string, string>()
  for (const [name, shape] of canonicalTensors(network)) {
    const stored = storedOf(name)
    const expected = `[${shape.join(', ')}]`
    const received = source.tensors.get(stored ?? '')?.shape
    if (stored === undefined || received === undefined) throw mismatch(source.file, stored ?? found.stored(name), expected, 'no such tensor')
    // A 1x1 convolution and a linear layer hold the same values: [C, C, 1, 1] may stand for [C, C] and back.
    const same = elements(received) === elements(shape) && received.every((size, axis) => size === (shape[axis] ?? 1))
    if (!same) throw mismatch(source.file, stored, expected, `[${received.join(', ')}]`)
    used.set(name, stored)
  }
  return used
}

function unusedTensors (source: TensorSource, used: ReadonlyMap<string, string>): string[] {
  const stored = new Set(used.values())
  return [...source.tensors.keys()].filter(name => {
    if (stored.has(name)) return false
    const norm = name.replace(/num_batches_tracked$/, 'weight')
    return norm === name || !stored.has(norm)
  })
}

function withNormalisation (preprocess: Preprocess, normalisation: Normalisation): Preprocess {
  return { ...preprocess, normalisation, geometry: { ...preprocess.geometry, fill: meanColour(normalisation) } }
}
