/**
 * What a pickle holds, as inert data: a global is a name, a call is a record of what would have been called. Lists and tuples are
 * arrays, dicts and OrderedDicts are Maps.
 */
export type PickleValue = null | boolean | number | bigint | string | PickleValue[] | PickleDict | FileSlice | Global | Call | Persistent

export type PickleDict = Map<PickleValue, PickleValue>

/** Bytes or long text left in the file: a checkpoint's numpy arrays may be hundreds of MB. */
export class FileSlice {
  /**
   * @param offset from the start of the file
   * @param text the bytes are UTF-8 text
   */
  constructor (readonly offset: number, readonly length: number, readonly text: boolean) {}
}

/** A class or function by name. It is never looked up. */
export class Global {
  constructor (readonly module: string, readonly name: string) {}

  get path (): string {
    return `${this.module}.${this.name}`
  }
}

/** An object that unpickling would have made by calling something. */
export class Call {
  /** What BUILD would have set on it. */
  state: PickleValue | undefined
  /** What SETITEMS, APPENDS and ADDITEMS would have put into it. */
  readonly items: PickleDict = new Map()

  constructor (readonly callee: PickleValue, readonly args: PickleValue) {}

  /** The callee's name, undefined when something else than a global is called. */
  get path (): string | undefined {
    return this.callee instanceof Global ? this.callee.path : undefined
  }
}

/** A reference out of the pickle; PyTorch's storages. */
export class Persistent {
  constructor (readonly id: PickleValue) {}
}

/** A value as a message names it. */
export function describe (value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof Map) return `a dict of ${value.size}`
  if (value instanceof FileSlice) return `${value.length} bytes`
  if (value instanceof Global) return value.path
  if (value instanceof Call) return `an object of ${value.path ?? 'an unknown class'}`
  if (value instanceof Persistent) return 'a storage'
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value)
}
