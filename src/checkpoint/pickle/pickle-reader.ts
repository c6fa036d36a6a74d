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
    const place = this.#take(1) // before the window is looked at, which it may move
    return this.#window[place]!
  }

  u16 (): number {
    const place = this.#take(2)
    return this.#window.readUInt16LE(place)
  }

  u32 (): number {
    const place = this.#take(4)
    return this.#window.readUInt32LE(place)
  }

  i32 (): number {
    const place = this.#take(4)
    return this.#window.readInt32LE(place)
  }

  /** A length; one past what a double counts exactly is past any file too. */
  u64 (): number {
    const place = this.#take(8)
    return Number(this.#window.readBigUInt64LE(place))
  }

  f64be (): number {
    const place = this.#take(8)
    return this.#window.readDoubleBE(place)
  }

  /** At most WINDOW bytes, valid until the next read. */
  bytes (length: number): Buffer {
    const start = this.#take(length)
    return this.#window.subarray(start, start + length)
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
    const available = Math.min(maximum, this.#end - this.position)
    const start = this.#locate(available)
    const length = this.#window.subarray(start, start + available).indexOf(0x0a)
    if (length === -1) throw this.refuse(`expected a name of at most ${maximum} bytes and a newline`)
    this.position += length + 1
    return this.#window.toString('utf8', start, start + length)
  }

  refuse (message: string): Error {
    return unreadable(this.file.path, `pickle at byte ${this.position}: ${message}`)
  }

  /** Passes over the next `length` bytes; they begin at the returned place in the window. */
  #take (length: number): number {
    const place = this.#locate(length)
    this.position += length
    return place
  }

  #locate (length: number): number {
    const place = this.position - this.#start
    if (place >= 0 && place + length <= this.#window.length) return place
    if (length > this.#end - this.position) throw this.refuse(`expected ${length} more bytes, the pickle has ${this.#end - this.position}`)
    this.#start = this.position
    this.#window = this.file.read(this.position, Math.min(WINDOW, this.#end - this.position))
    return 0
  }
}
