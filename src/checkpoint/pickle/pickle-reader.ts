import { unreadable, type CheckpointFile } from '../formats/checkpoint-file.js'

const WINDOW = 1 << 16

/** Reads a stretch of a file from front to back through a window of 64 KB; what is skipped is never read. */
export class PickleReader {
  readonly file: CheckpointFile
  readonly #end: number
  #window: Buffer = Buffer.alloc(0)
  /** File offset of the window's first byte. */
  #start = 0
  /** File offset of the next byte. */
  position: number

  constructor (file: CheckpointFile, start: number, end: number) {
    this.file = file
    this.#end = end
    this.position = start
  }

  u8 (): number {
    return this.#take(1).readUInt8()
  }

  u16 (): number {
    return this.#take(2).readUInt16LE()
  }

  u32 (): number {
    return this.#take(4).readUInt32LE()
  }

  i32 (): number {
    return this.#take(4).readInt32LE()
  }

  /** A length; one past what a double counts exactly is past any file too. */
  u64 (): number {
    return Number(this.#take(8).readBigUInt64LE())
  }

  f64be (): number {
    return this.#take(8).readDoubleBE()
  }

  /** At most WINDOW bytes, valid until the next read. */
  bytes (length: number): Buffer {
    return this.#take(length)
  }

  /** Passes over `length` bytes and tells where they begin. */
  skip (length: number): number {
    const start = this.position
    if (!(length <= this.#end - start)) throw this.refuse(`expected ${length} more bytes, the pickle has ${this.#end - start}`)
    this.position += length
    return start
  }

  /** Text up to the next newline, which is passed over. */
  line (maximum: number): string {
    const start = this.position
    const available = Math.min(maximum, this.#end - start)
    const length = this.#peek(available).indexOf(0x0a)
    if (length === -1) throw this.refuse(`expected a name of at most ${maximum} bytes and a newline`)
    const text = this.#take(length).toString('utf8')
    this.position++
    return text
  }

  refuse (message: string): Error {
    return unreadable(this.file.path, `pickle at byte ${this.position}: ${message}`)
  }

  #take (length: number): Buffer {
    const bytes = this.#peek(length)
    this.position += length
    return bytes
  }

  #peek (length: number): Buffer {
    const { position } = this
    if (length > this.#end - position) throw this.refuse(`expected ${length} more bytes, the pickle has ${this.#end - position}`)
    if (position < this.#start || position + length > this.#start + this.#window.length) {
      this.#start = position
      this.#window = this.file.read(position, Math.min(WINDOW, this.#end - position))
    }
    return this.#window.subarray(position - this.#start, position - this.#start + length)
  }
}
