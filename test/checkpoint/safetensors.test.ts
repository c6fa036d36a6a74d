import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { writeSafetensors } from '../../src/checkpoint/formats/safetensors-writer.js'
import { golden } from './expected.js'
import { scratchFile, scratchFolder } from './scratch-file.js'

interface Parts { header: unknown, data?: Uint8Array, length?: number | bigint }

function safetensors ({ header, data = new Uint8Array(0), length }: Parts): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(length ?? text.length))
  return Buffer.concat([prefix, text, data])
}

function refuses (t: Test, parts: Parts | Buffer, what: string): void {
  const file = scratchFile(t, Buffer.isBuffer(parts) ? parts : safetensors(parts))
  t.throws(() => openCheckpoint(file), { code: 'checkpoint_unreadable', param: file }, what)
}

const F32 = (shape: number[], begin: number, end: number): object => ({ dtype: 'F32', shape, data_offsets: [begin, end] })

t.test('every element type is widened to float32', t => {
  const data = Buffer.alloc(64)
  const header: Record<string, unknown> = {}
  let position = 0
  const add = (name: string, dtype: string, size: number, write: (offset: number) => void): void => {
    write(position)
    header[name] = { dtype, shape: [1], data_offsets: [position, position + size] }
    position += size
  }
  // An odd beginning: no tensor behind it is aligned to its own size.
  add('u8', 'U8', 1, at => data.writeUInt8(200, at))
  add('f64', 'F64', 8, at => data.writeDoubleLE(0.1, at))
  add('f32', 'F32', 4, at => data.writeFloatLE(-1.5, at))
  add('f16', 'F16', 2, at => data.writeUInt16LE(0x3555, at))
  add('f16_subnormal', 'F16', 2, at => data.writeUInt16LE(0x8001, at))
  add('bf16', 'BF16', 2, at => data.writeUInt16LE(0xc0a0, at))
  add('i64', 'I64', 8, at => data.writeBigInt64LE(-3n, at))
  add('i32', 'I32', 4, at => data.writeInt32LE(-70000, at))
  add('i16', 'I16', 2, at => data.writeInt16LE(-300, at))
  add('i8', 'I8', 1, at => data.writeInt8(-7, at))
  add('bool', 'BOOL', 1, at => data.writeUInt8(1, at))
  const source = openCheckpoint(scratchFile(t, safetensors({ header, data: data.subarray(0, position) })))
  t.teardown(() => source.close())
  const values = Object.fromEntries([...source.tensors.keys()].map(name => [name, source.read(name)[0]]))
  t.same(values, {
    u8: 200,
    f64: Math.fround(0.1),
    f32: -1.5,
    f16: 0.333251953125, // the half nearest to a third
    f16_subnormal: -(2 ** -24),
    bf16: -5,
    i64: -3,
    i32: -70000,
    i16: -300,
    i8: -7,
    bool: 1
  })
  t.end()
})

t.test('a file that breaks the format is refused', t => {
  const data = new Uint8Array(8)
  refuses(t, Buffer.alloc(0), 'nothing')
  refuses(t, Buffer.from('12345678{'), 'a header longer than the file')
  refuses(t, { header: {}, length: 100_000_001 }, 'a header over the limit')
  refuses(t, { header: {}, length: 3 }, 'a header cut off')
  refuses(t, { header: '{"a":' }, 'no JSON')
  refuses(t, { header: '{"\xff":1}' }, 'an entry that is none')
  refuses(t, { header: { a: F32([2], 0, 8) }, data: data.subarray(0, 7) }, 'short by a byte')
  refuses(t, { header: { a: F32([1], 0, 4) }, data }, 'bytes left over')
  refuses(t, { header: { a: F32([1], 4, 8) }, data }, 'a hole at the front')
  refuses(t, { header: { a: F32([1], 0, 4), b: F32([1], 0, 4) }, data: data.subarray(0, 4) }, 'an overlap')
  refuses(t, { header: { a: F32([2], 0, 8), b: F32([1], 4, 8) }, data }, 'a tensor inside another')
  refuses(t, { header: { a: F32([3], 0, 8) }, data }, 'shape and offsets that disagree')
  refuses(t, { header: { a: F32([1], 8, 4) }, data }, 'offsets backwards')
  refuses(t, { header: { a: F32([-2], 0, 8) }, data }, 'a negative size')
  refuses(t, { header: { a: F32([2.5], 0, 8) }, data }, 'half an element')
  refuses(t, { header: { a: F32([2 ** 53, 2 ** 53], 0, 8) }, data }, 'a size past what can be counted')
  refuses(t, { header: { a: { dtype: 'F4', shape: [2], data_offsets: [0, 8] } }, data }, 'an unknown element type')
  refuses(t, { header: { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8, 16] } }, data }, 'three offsets')
  refuses(t, { header: { a: null } }, 'null for an entry')
  t.throws(() => openCheckpoint('test/checkpoint'), { code: 'checkpoint_unreadable' }, 'a folder')
  t.throws(() => openCheckpoint('test/nothing-here'), { code: 'checkpoint_unreadable' }, 'no file')
  t.end()
})

t.test('what is written is read back, and by the same bytes as the reference writes', t => {
  const file = join(scratchFolder(t), 'out.safetensors')
  const original = openCheckpoint(golden('timm-b.safetensors'))
  t.teardown(() => original.close())
  const tensors = new Map([...original.tensors].filter(([, { dtype }]) => dtype === 'f32').map(([name, { shape }]) => [name, { shape, read: () => original.read(name) }]))
  writeSafetensors(file, tensors)
  const copy = openCheckpoint(file)
  t.teardown(() => copy.close())
  t.same([...copy.tensors.keys()], [...tensors.keys()].sort())
  for (const name of tensors.keys()) t.same(copy.read(name), original.read(name), name)
  t.equal(readFileSync(file).readUInt32LE(0) % 8, 0, 'the data begins aligned')
  t.same(readdirSync(dirname(file)), ['out.safetensors'], 'nothing else is left')

  const halved = join(dirname(file), 'half.safetensors')
  writeSafetensors(halved, tensors, { dtype: 'f16' })
  const half = openCheckpoint(halved)
  t.teardown(() => half.close())
  t.equal(half.tensors.get('stem.0.conv.weight')!.dtype, 'f16')
  for (const name of tensors.keys()) t.same(half.read(name), original.read(name), `${name}: multiples of 1/64 are exact`)
  t.end()
})

t.test('halves are rounded to nearest, ties to even', t => {
  const values = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, -65536, 2 ** -25, 2 ** -25 * 1.01, 2 ** -14 - 2 ** -26, NaN, -0]
  const file = join(scratchFolder(t), 'half.safetensors')
  writeSafetensors(file, new Map([['a', { shape: [values.length], read: () => Float32Array.from(values) }]]), { dtype: 'f16' })
  const source = openCheckpoint(file)
  t.teardown(() => source.close())
  t.same([...source.read('a')], [1, 1 + 2 ** -9, 65504, Infinity, -Infinity, 0, 2 ** -24, 2 ** -14, NaN, -0])
  t.end()
})

t.test('a write that fails leaves nothing behind', t => {
  const file = join(scratchFolder(t), 'out.safetensors')
  t.throws(() => writeSafetensors(file, new Map([['a', { shape: [1], read: () => { throw new Error('unplugged') } }]])), { message: 'unplugged' })
  t.same(readdirSync(dirname(file)), [])
  t.end()
})
