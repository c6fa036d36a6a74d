import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'

/** The sha256 of a file, lower-case hex; one megabyte of it in memory at a time. */
export function hashFile (file: string): string {
  return feed(createHash('sha256'), file)
}

/** Git's name of a file's content, which a hub gives files it does not keep in large file storage. */
export function hashGitBlob (file: string, size: number): string {
  return feed(createHash('sha1').update(`blob ${size}\0`), file)
}

function feed (hash: Hash, file: string): string {
  const chunk = Buffer.alloc(1 << 20)
  const fd = openSync(file, 'r')
  try {
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk)) hash.update(chunk.subarray(0, count))
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}
