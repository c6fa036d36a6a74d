import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ServiceError } from '../../errors.js'

/** `checkpoint_unreadable` with the file's name in front of what is wrong with it. */
export function unreadable (file: string, message: string, cause?: unknown): ServiceError {
  return new ServiceError('checkpoint_unreadable', `${file}: ${message}`, { param: file, cause })
}

/** A checkpoint file opened for reading at any offset; every read gives all the bytes asked for or throws. */
export class CheckpointFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  #fd: number | undefined

  /** @throws ServiceError checkpoint_unreadable when it is not there, not a plain file or may not be read */
  constructor (path: string) {
    this.path = path
    try {
      this.#fd = openSync(path, 'r')
      const stat = fstatSync(this.#fd)
      if (!stat.isFile()) throw new Error('is not a plain file')
      this.size = stat.size
    } catch (error) {
      this.close()
      throw unreadable(path, (error as Error).message, error)
    }
  }

  read (offset: number, length: number): Buffer<ArrayBuffer> {
    const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
    if (!inside || offset + length > this.size) {
      throw unreadable(this.path, `expected ${length} bytes at offset ${offset}, but the file has ${this.size}`)
    }
    if (this.#fd === undefined) throw unreadable(this.path, 'is closed')
    // A buffer of its own, never a slice of the pool: typed arrays over it must start at an aligned offset.
    const bytes = Buffer.from(new ArrayBuffer(length))
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, offset + done)
      if (count === 0) throw unreadable(this.path, `ended at byte ${offset + done} while it was being read`)
      done += count
    }
    return bytes
  }

  close (): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
