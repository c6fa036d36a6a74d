import { ServiceError } from '../errors.js'
import { timmNames } from './names/timm.js'
import type { Naming } from './names/naming.js'
import type { TensorSource } from './tensor-source.js'

const NAMINGS: readonly Naming[] = [timmNames]

/** The network's tensors found in a file. */
export interface FoundNames {
  readonly naming: Naming
  readonly prefix: string
  /** Canonical name -> the name stored in the file, prefix included. */
  readonly canonical: ReadonlyMap<string, string>
}

/**
 * Finds the network in a file by its first convolution, whatever stands before the name (`module.`, `backbone.bottom_up.`).
 * @throws ServiceError checkpoint_unrecognised when no naming has it, or there are several networks and none was chosen
 */
export function findNames (source: TensorSource, prefix?: string): FoundNames {
  const found = NAMINGS.flatMap(naming => prefixes(source, naming).map(prefix => ({ naming, prefix })))
  const fitting = prefix === undefined ? found : found.filter(candidate => candidate.prefix === prefix)
  const [first, second] = fitting
  if (first === undefined) throw unrecognised(source, prefix)
  if (second !== undefined) {
    const choices = fitting.map(candidate => `"${candidate.prefix}"`).join(', ')
    throw new ServiceError('checkpoint_unrecognised', `${source.file}: expected one network, found several, behind the prefixes ${choices}; choose one with "prefix" in model.json`)
  }
  return { ...first, canonical: canonicalNames(source, first.naming, first.prefix) }
}

function prefixes (source: TensorSource, { anchor }: Naming): string[] {
  return [...source.tensors.keys()]
    .filter(name => name === anchor || name.endsWith(`.${anchor}`))
    .map(name => name.slice(0, -anchor.length))
}

function canonicalNames (source: TensorSource, naming: Naming, prefix: string): Map<string, string> {
  const plain = new Map([...source.tensors].filter(([name]) => name.startsWith(prefix)).map(([name, info]) => [name.slice(prefix.length), info]))
  return new Map([...naming.canonical(plain)].map(([canonical, stored]) => [canonical, prefix + stored]))
}

function unrecognised (source: TensorSource, prefix: string | undefined): ServiceError {
  const names = [...source.tensors.keys()]
  const shown = names.slice(0, 3).join(', ')
  const found = names.length === 0 ? 'no tensors' : `${names.length} tensors such as ${shown}`
  const anchors = NAMINGS.map(naming => `${prefix ?? ''}${naming.anchor} (${naming.name})`).join(' or ')
  return new ServiceError('checkpoint_unrecognised', `${source.file}: expected ${anchors}, found ${found}`)
}
