import { ServiceError } from '../errors.js'
import { NAMINGS } from './names/all.js'
import type { Naming } from './names/naming.js'
import type { TensorSource } from './tensor-source.js'
import { refuseKnown, unrecognised } from './unrecognised.js'

/** The network's tensors found in a file. */
export interface FoundNames {
  readonly naming: Naming
  readonly prefix: string
  /** Canonical name -> the name stored in the file, prefix included. */
  readonly canonical: ReadonlyMap<string, string>
  /** The name a canonical tensor has, or would have, in this file. */
  stored (canonical: string): string
}

/**
 * Finds the network in a file by its first convolution, whatever stands before the name (`module.`, `backbone.bottom_up.`).
 * @throws ServiceError checkpoint_unrecognised when no naming has it, the network is one we cannot compute, or there are several and none was chosen
 */
export function findNames (source: TensorSource, prefix?: string): FoundNames {
  refuseKnown(source)
  const found = NAMINGS.flatMap(naming => prefixes(source, naming).map(prefix => ({ naming, prefix })))
  const fitting = prefix === undefined ? found : found.filter(candidate => candidate.prefix === prefix)
  const [first, second] = fitting
  if (first === undefined) throw unrecognised(source, prefix)
  if (second !== undefined) {
    const choices = fitting.map(candidate => `"${candidate.prefix}"`).join(', ')
    throw new ServiceError('checkpoint_unrecognised', `${source.file}: expected one network, found several, behind the prefixes ${choices}; choose one with "prefix" in model.json`)
  }
  return nameTensors(source, first.naming, first.prefix)
}

function prefixes (source: TensorSource, { anchor }: Naming): string[] {
  return [...source.tensors.keys()]
    .filter(name => name === anchor || name.endsWith(`.${anchor}`))
    .map(name => name.slice(0, -anchor.length))
}

function nameTensors (source: TensorSource, naming: Naming, prefix: string): FoundNames {
  const plain = new Map([...source.tensors].filter(([name]) => name.startsWith(prefix)).map(([name, info]) => [name.slice(prefix.length), info]))
  return {
    naming,
    prefix,
    canonical: new Map([...naming.canonical(plain)].map(([canonical, stored]) => [canonical, prefix + stored])),
    stored: canonical => prefix + naming.stored(canonical, plain)
  }
}
