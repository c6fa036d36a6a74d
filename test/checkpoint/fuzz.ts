import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ServiceError } from '../../src/errors.js'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { recognise } from '../../src/checkpoint/recognise.js'
import type { TensorSource } from '../../src/checkpoint/tensor-source.js'
import { elements } from '../../src/model/network-tensors.js'
import { mulberry32 } from '../../src/model/random.js'
import { golden } from './expected.js'
import { scratchFolder } from './scratch-file.js'

/** A damaged file may take this much processor time at most. */
const SLOWEST_MS = 1000
/** Numbers that lengths, counts and offsets go wrong at. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

interface Fuzz {
  format: TensorSource['format']
  /** Small files whose every byte is structure, or nearly so. */
  files: string[]
  /** A whole network, to see that no damaged file is taken for another network. */
  network: string
  /** Checksums tell damaged values too. */
  checksums: boolean
}

/**
 * Damages files in every way a disk, a wire or an attacker may, `count` times from one seed, and reads what is left: each ends
 * in a coded error, or in tensors that are what they say. A whole network, a tenth as often, ends in an error or in the same network.
 */
export function fuzz ({ format, files, network, checksums }: Fuzz, count: number): void {
  t.test(`${count} damaged ${format} files`, t => {
    const path = join(scratchFolder(t), 'damaged')
    const originals = files.map(file => readFileSync(golden(file)))
    let read = 0
    const slowest = repeat(count, originals, path, () => {
      const source = openCheckpoint(path)
      try {
        for (const [name, { shape }] of source.tensors) {
          if (source.read(name).length !== elements(shape)) throw new Error(`${name}: a length that is not its shape's`)
        }
      } finally {
        source.close()
      }
      read++
    })
    t.ok(slowest < SLOWEST_MS, `the slowest took ${slowest.toFixed(0)} ms`)
    t.ok(read > 0 && read < count, `${read} could still be read`)
    t.end()
  })

  t.test(`${count / 10} damaged ${format} networks`, t => {
    const path = join(scratchFolder(t), 'damaged')
    const original = load(golden(network))
    let same = 0
    repeat(count / 10, [readFileSync(golden(network))], path, () => {
      const damaged = load(path)
      if (damaged.network !== original.network) throw new Error(`taken for another network: ${damaged.network}`)
      if (checksums && damaged.values !== original.values) throw new Error('damaged values were read')
      same++
    })
    t.ok(same > 0 && same < count / 10, `${same} are still the same network`)
    t.end()
  })
}

function load (path: string): { network: string, values: string } {
  const source = openCheckpoint(path)
  try {
    const { network, canonical } = recognise(source)
    const values = [...canonical].map(([name, stored]) => `${name} ${Buffer.from(source.read(stored).buffer).toString('base64')}`).join('\n')
    return { network: JSON.stringify(network), values }
  } finally {
    source.close()
  }
}

/** Returns the slowest case's milliseconds; anything else than a ServiceError about the checkpoint is thrown on, with its seed. */
function repeat (count: number, originals: readonly Buffer[], path: string, read: () => void): number {
  let slowest = 0
  // Written over and cut to length: opening a file anew to truncate it takes longer than reading it.
  const fd = openSync(path, 'w')
  for (let seed = 0; seed < count; seed++) {
    const random = mulberry32(seed)
    const bytes = damage(originals[seed % originals.length]!, random)
    writeSync(fd, bytes, 0, bytes.length, 0)
    ftruncateSync(fd, bytes.length)
    const busy = process.cpuUsage()
    try {
      read()
    } catch (error) {
      if (!(error instanceof ServiceError) || !error.code.startsWith('checkpoint_')) throw new Error(`seed ${seed}`, { cause: error })
    }
    const { user, system } = process.cpuUsage(busy)
    slowest = Math.max(slowest, (user + system) / 1000)
  }
  closeSync(fd)
  return slowest
}

function damage (original: Buffer, random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit)
  const bytes = Buffer.from(original)
  const kinds: Array<() => Buffer> = [
    () => {
      for (let flips = 1 + below(4); flips > 0; flips--) bytes[below(bytes.length)]! ^= 1 << below(8)
      return bytes
    },
    () => {
      bytes[below(bytes.length)] = below(256)
      return bytes
    },
    () => bytes.subarray(0, below(bytes.length)),
    () => {
      const value = Buffer.alloc(8)
      value.writeBigInt64LE(BigInt(EDGES[below(EDGES.length)]! + below(3) - 1))
      value.copy(bytes, below(bytes.length), 0, [1, 2, 4, 8][below(4)])
      return bytes
    },
    () => {
      const [from, to, length] = [below(bytes.length), below(bytes.length), 1 + below(32)]
      bytes.copy(bytes, to, from, from + length)
      return bytes
    },
    () => {
      const at = below(bytes.length)
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(16))])
    },
    () => {
      const at = below(bytes.length)
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(Array.from({ length: 1 + below(16) }, () => below(256))), bytes.subarray(at)])
    }
  ]
  return kinds[below(kinds.length)]!()
}
