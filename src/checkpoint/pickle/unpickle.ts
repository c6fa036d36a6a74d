import type { CheckpointFile } from '../formats/checkpoint-file.js'
import { Op, REFUSED } from './opcodes.js'
import { PickleReader } from './pickle-reader.js'
import { PickleStack } from './stack.js'
import { Call, describe, FileSlice, Global, Persistent, type PickleValue } from './values.js'

export interface Unpickled {
  readonly root: PickleValue
  /** Every reference out of the pickle, in the order of reading. */
  readonly references: readonly Persistent[]
  /** File offset behind the STOP. */
  readonly end: number
}

/**
 * Work a pickle may ask for: an opcode costs 1, one that makes or remembers something 8. V-99 with AdamW and an EMA copy needs 440,000;
 * 4 million bound the time to a fraction of a second and the memory to some 200 MB.
 */
const BUDGET = 4_000_000
const KEPT_COST = 8
/** Text up to here is kept; longer text stays in the file as a slice. */
const LONGEST_TEXT = 4096
/** Bytes of all the text that is kept. */
const TEXT_BUDGET = 64 * 1024 * 1024
/** Bytes of an integer; nothing in a checkpoint counts past 8. */
const LONGEST_INTEGER = 255

/**
 * Reads one pickle as inert data: no global is looked up, nothing is called, and time and memory are bounded whatever the bytes.
 * @param start file offset of the first opcode
 * @param end file offset no opcode may pass
 * @throws ServiceError checkpoint_unreadable naming the byte and the opcode
 */
export function unpickle (file: CheckpointFile, start: number, end: number): Unpickled {
  return new Unpickler(new PickleReader(file, start, end)).run()
}

class Unpickler {
  readonly #reader: PickleReader
  readonly #stack: PickleStack
  readonly #memo = new Map<number, PickleValue>()
  readonly #references: Persistent[] = []
  #budget = BUDGET
  #textBudget = TEXT_BUDGET

  constructor (reader: PickleReader) {
    this.#reader = reader
    this.#stack = new PickleStack(message => reader.refuse(message))
  }

  run (): Unpickled {
    for (let opcode = this.#reader.u8(); opcode !== Op.STOP; opcode = this.#reader.u8()) {
      this.#spend(1)
      this.#step(opcode)
    }
    return { root: this.#stack.pop(), references: this.#references, end: this.#reader.position }
  }

  #step (opcode: number): void {
    const { push } = this
    switch (opcode) {
      case Op.PROTO: return this.#protocol(this.#reader.u8())
      case Op.FRAME: this.#reader.u64(); return
      case Op.MARK: return this.#stack.mark()
      case Op.NONE: return push(null)
      case Op.NEWTRUE: return push(true)
      case Op.NEWFALSE: return push(false)
      case Op.BININT: return push(this.#reader.i32())
      case Op.BININT1: return push(this.#reader.u8())
      case Op.BININT2: return push(this.#reader.u16())
      case Op.BINFLOAT: return push(this.#reader.f64be())
      case Op.LONG1: return push(this.#integer(this.#reader.u8()))
      case Op.LONG4: return push(this.#integer(this.#reader.i32()))
      case Op.SHORT_BINSTRING: return push(this.#text(this.#reader.u8(), 'latin1'))
      case Op.BINSTRING: return push(this.#text(this.#reader.u32(), 'latin1'))
      case Op.SHORT_BINUNICODE: return push(this.#text(this.#reader.u8(), 'utf8'))
      case Op.BINUNICODE: return push(this.#text(this.#reader.u32(), 'utf8'))
      case Op.BINUNICODE8: return push(this.#text(this.#reader.u64(), 'utf8'))
      case Op.SHORT_BINBYTES: return push(this.#slice(this.#reader.u8(), false))
      case Op.BINBYTES: return push(this.#slice(this.#reader.u32(), false))
      case Op.BINBYTES8: case Op.BYTEARRAY8: return push(this.#slice(this.#reader.u64(), false))
      case Op.EMPTY_LIST: case Op.EMPTY_TUPLE: return push([])
      case Op.EMPTY_DICT: return push(new Map())
      case Op.EMPTY_SET: return push(new Call(new Global('builtins', 'set'), []))
      case Op.FROZENSET: return push(new Call(new Global('builtins', 'frozenset'), this.#stack.takeMarked()))
      case Op.TUPLE: return push(this.#stack.takeMarked())
      case Op.TUPLE1: return push(this.#stack.take(1))
      case Op.TUPLE2: return push(this.#stack.take(2))
      case Op.TUPLE3: return push(this.#stack.take(3))
      case Op.APPEND: return this.#append(this.#stack.take(1))
      case Op.APPENDS: case Op.ADDITEMS: return this.#append(this.#stack.takeMarked())
      case Op.SETITEM: return this.#setItems(this.#stack.take(2))
      case Op.SETITEMS: return this.#setItems(this.#stack.takeMarked())
      case Op.BINPUT: return this.#put(this.#reader.u8())
      case Op.LONG_BINPUT: return this.#put(this.#reader.u32())
      case Op.MEMOIZE: return this.#put(this.#memo.size)
      case Op.BINGET: return push(this.#get(this.#reader.u8()))
      case Op.LONG_BINGET: return push(this.#get(this.#reader.u32()))
      case Op.GLOBAL: return push(this.#global(this.#reader.line(LONGEST_TEXT), this.#reader.line(LONGEST_TEXT)))
      case Op.STACK_GLOBAL: return this.#stackGlobal()
      case Op.REDUCE: case Op.NEWOBJ: return this.#call()
      case Op.BUILD: return this.#build()
      case Op.BINPERSID: return this.#persistent()
      default: throw this.#reader.refuse(`opcode 0x${opcode.toString(16)}${REFUSED[opcode] === undefined ? '' : ` (${REFUSED[opcode]})`} has no place in a checkpoint`)
    }
  }

  /** Containers cost more than scalars: an empty Map takes some 200 bytes. */
  readonly push = (value: PickleValue): void => {
    if (typeof value === 'object' && value !== null) this.#spend(KEPT_COST)
    this.#stack.push(value)
  }

  #spend (cost: number): void {
    this.#budget -= cost
    if (this.#budget < 0) throw this.#reader.refuse('it asks for more work than any checkpoint needs')
  }

  #protocol (version: number): void {
    if (version < 2 || version > 5) throw this.#reader.refuse(`protocol must be 2 to 5, received ${version}`)
  }

  #integer (length: number): number | bigint {
    if (length < 0 || length > LONGEST_INTEGER) throw this.#reader.refuse(`an integer must have at most ${LONGEST_INTEGER} bytes, received ${length}`)
    let value = 0n
    const bytes = this.#reader.bytes(length)
    for (let index = length - 1; index >= 0; index--) value = value << 8n | BigInt(bytes[index]!)
    value = BigInt.asIntN(8 * length, value)
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
  }

  #text (length: number, encoding: 'latin1' | 'utf8'): string | FileSlice {
    if (length > LONGEST_TEXT) return this.#slice(length, encoding === 'utf8')
    this.#textBudget -= length
    if (this.#textBudget < 0) throw this.#reader.refuse(`it holds more than ${TEXT_BUDGET} bytes of text`)
    return this.#reader.bytes(length).toString(encoding)
  }

  #slice (length: number, text: boolean): FileSlice {
    return new FileSlice(this.#reader.skip(length), length, text)
  }

  #global (module: string, name: string): Global {
    return new Global(module, name)
  }

  #stackGlobal (): void {
    const [module, name] = this.#stack.take(2)
    if (typeof module !== 'string' || typeof name !== 'string') throw this.#reader.refuse('STACK_GLOBAL needs two names')
    this.push(this.#global(module, name))
  }

  #put (index: number): void {
    if (!this.#memo.has(index)) this.#spend(KEPT_COST)
    this.#memo.set(index, this.#stack.top())
  }

  #get (index: number): PickleValue {
    const value = this.#memo.get(index)
    if (value === undefined) throw this.#reader.refuse(`memo ${index} was never stored`)
    return value
  }

  #append (values: PickleValue[]): void {
    const target = this.#stack.top()
    this.#spend(values.length)
    if (Array.isArray(target)) for (const value of values) target.push(value)
    else if (target instanceof Call) for (const value of values) target.items.set(target.items.size, value)
    else throw this.#reader.refuse(`nothing can be appended to ${describe(target)}`)
  }

  #setItems (pairs: PickleValue[]): void {
    const target = this.#stack.top()
    this.#spend(pairs.length)
    const items = target instanceof Call ? target.items : target
    if (!(items instanceof Map) || pairs.length % 2 === 1) throw this.#reader.refuse(`items cannot be set on ${describe(target)}`)
    for (let index = 0; index < pairs.length; index += 2) items.set(pairs[index]!, pairs[index + 1]!)
  }

  #call (): void {
    const [callee, args] = this.#stack.take(2) as [PickleValue, PickleValue]
    const plain = callee instanceof Global && callee.path === 'collections.OrderedDict' && Array.isArray(args) && args.length === 0
    this.push(plain ? new Map() : new Call(callee, args))
  }

  #build (): void {
    const state = this.#stack.pop()
    const target = this.#stack.top()
    // A state dict carries its modules' versions as an attribute; nothing needs them.
    if (target instanceof Call) target.state = state
  }

  #persistent (): void {
    const reference = new Persistent(this.#stack.pop())
    this.#references.push(reference)
    this.push(reference)
  }
}
