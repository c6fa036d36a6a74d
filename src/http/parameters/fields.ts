import { ServiceError, invalidParameter, show } from '../../errors.js'

/** A request's parameters by name, from the query string, multipart fields or JSON members, read one by one with a check. */
export class Fields {
  readonly #values: ReadonlyMap<string, string>

  /**
   * @param sources later ones win, so that a multipart field overrides the query
   * @throws ServiceError invalid_parameter for a name not in `known` or given twice
   */
  constructor (known: readonly string[], ...sources: ReadonlyArray<Record<string, unknown>>) {
    const values = new Map<string, string>()
    for (const [name, value] of sources.flatMap(source => Object.entries(source))) {
      if (!known.includes(name)) throw new ServiceError('invalid_parameter', `${show(name)} is not a parameter here; expected one of ${known.join(', ')}`, { param: name })
      if (typeof value === 'object') throw new ServiceError('invalid_parameter', `${name} must be given once, as a single value`, { param: name })
      values.set(name, String(value))
    }
    this.#values = values
  }

  text (name: string): string | undefined {
    return this.#values.get(name)
  }

  choice<const Name extends string> (name: string, names: readonly Name[]): Name | undefined {
    return this.#read(name, `one of ${names.join(', ')}`, value => names.find(known => known === value))
  }

  boolean (name: string): boolean | undefined {
    return this.#read(name, 'true or false', value => value === 'true' ? true : value === 'false' ? false : undefined)
  }

  /** Names separated by commas, each at most once, in the given order. */
  list<const Name extends string> (name: string, names: readonly Name[]): Name[] | undefined {
    return this.#read(name, `a comma-separated list of ${names.join(', ')}`, value => {
      const parts = value.split(',').map(part => names.find(known => known === part.trim()))
      return new Set(parts).size === parts.length && !parts.includes(undefined) ? parts as Name[] : undefined
    })
  }

  /** `224` is a square, `640x480` is width x height; whole pixels from 1 to `maximum`. */
  size (name: string, maximum: number): { width: number, height: number } | undefined {
    return this.#read(name, `N or WxH in pixels from 1 to ${maximum}`, value => {
      const match = /^(\d{1,6})(?:x(\d{1,6}))?$/.exec(value)
      if (match === null) return undefined
      const [width, height] = [Number(match[1]), Number(match[2] ?? match[1])]
      return Math.min(width, height) >= 1 && Math.max(width, height) <= maximum ? { width, height } : undefined
    })
  }

  #read<Value> (name: string, expected: string, parse: (value: string) => Value | undefined): Value | undefined {
    const value = this.#values.get(name)
    if (value === undefined) return undefined
    const parsed = parse(value)
    if (parsed === undefined) throw invalidParameter(name, expected, value)
    return parsed
  }
}
