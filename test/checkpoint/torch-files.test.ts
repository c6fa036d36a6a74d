import t, { type Test } from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { op, text, u32 } from './pickle-assembler.js'
import { scratchFile } from './scratch-file.js'
import { legacy, tensorPickle, zip, type RecordOptions, type TensorPieces } from './torch-assembler.js'

const FLOATS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)

function read (t: Test, bytes: Buffer): number[] {
  const source = openCheckpoint(scratchFile(t, bytes))
  try {
    return [...source.read('a')]
  } finally {
    source.close()
  }
}

function refuses (t: Test, bytes: Buffer, message: RegExp): void {
  t.throws(() => read(t, bytes), { code: 'checkpoint_unreadable', message }, String(message))
}

const torch = (tensor: TensorPieces = {}, data: Uint8Array = FLOATS, options: RecordOptions = {}): Buffer =>
  zip([['x/data.pkl', tensorPickle(tensor)], ['x/data/0', data, options]])

t.test('a tensor is where its storage, offset and strides say, or it is refused', t => {
  t.same(read(t, torch()), [1, 2, 3, 4])
  t.same(read(t, torch({ size: [2, 2], stride: [1, 2] })), [1, 3, 2, 4])
  t.same(read(t, torch({ size: [2], stride: [3] })), [1, 4])
  t.same(read(t, torch({ size: [1, 3], stride: [99, 1], offset: 1 })), [2, 3, 4], 'an axis of one may have any stride')
  t.same(read(t, torch({ size: [0, 7], stride: [7, 1], offset: 4 })), [], 'nothing may be anywhere')
  refuses(t, torch({ size: [5] }), /last element is number 4, but the storage holds 4/)
  refuses(t, torch({ offset: 1 }), /last element is number 4/)
  refuses(t, torch({ size: [2, 2], stride: [3, 1] }), /last element is number 4/)
  refuses(t, torch({ size: [1_000_000_000], stride: [0] }), /1000000000 elements, but the storage holds 4/)
  refuses(t, torch({ size: [2, 2] }), /2 sizes .* but 1 strides/)
  refuses(t, torch({ size: [4], stride: [0xffffffff] }), /expected a whole number, received -1/)
  refuses(t, torch({ offset: 0xffffffff }), /expected a whole number, received -1/)
  refuses(t, torch({ size: Array(65).fill(1), stride: Array(65).fill(1) }), /65 sizes \(at most 64\)/)
  refuses(t, torch({ metadata: [op('EMPTY_DICT'), text('neg'), op('NEWTRUE'), op('SETITEM')] }), /conjugated or negated/)
  t.same(read(t, torch({ metadata: [op('EMPTY_DICT')] })), [1, 2, 3, 4], 'metadata that says nothing')
  t.end()
})

t.test('a storage is a record of its length, in a type we know', t => {
  refuses(t, torch({}, FLOATS.subarray(0, 15)), /storage "0" must have 16 bytes, received 15/)
  refuses(t, torch({ length: 5 }), /storage "0" must have 20 bytes, received 16/)
  refuses(t, torch({ key: '1' }), /storage "1" is not in the zip/)
  refuses(t, torch({ key: '../data.pkl' }), /is not in the zip/)
  refuses(t, torch({ storage: 'ComplexFloatStorage', length: 2 }), /ComplexFloatStorage, which holds no network weights/)
  refuses(t, torch({ storage: 'OtherStorage' }), /storage must be one of .*received torch\.OtherStorage/)
  refuses(t, torch({ storage: 'constructor' }), /received torch\.constructor/)
  refuses(t, torch({}, FLOATS, { crc: 1 }), /zip record "x\/data\/0" is damaged/)
  t.same(read(t, torch({}, FLOATS, { crc: 0 })), [1, 2, 3, 4], 'a checksum left out is not compared')
  t.end()
})

t.test('a zip that is broken, or of another kind', t => {
  const good = torch()
  const data: [string, Uint8Array] = ['x/data/0', FLOATS]
  refuses(t, good.subarray(0, good.length - 1), /no end record: the file is cut short/)
  refuses(t, zip([]), /expected safetensors/)
  refuses(t, zip([['word/document.xml', FLOATS]]), /expected a zip with <name>\/data\.pkl .* found word\/document\.xml/)
  refuses(t, zip([['x/data.pkl', tensorPickle(), { method: 8 }], data]), /must be stored, received compression method 8/)
  refuses(t, zip([['x/data.pkl', tensorPickle(), { flags: 1 }], data]), /is encrypted/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], data, data]), /two records named "x\/data\/0"/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], ['x/data/0', FLOATS, { header: 3 }]]), /is not at byte 3/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], ['x/data/0', FLOATS, { header: 0 }]]), /"x\/data\/0" is not at byte 0/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], ['x/data/0', FLOATS, { size: 1_000_000 }]]), /is not at byte|must have 16 bytes/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], ['x/byteorder', Buffer.from('big')], data]), /byteorder must be little, received "big"/)
  refuses(t, zip([['x/data.pkl', tensorPickle()], ['x/constants.pkl', FLOATS], data]), /TorchScript/)
  refuses(t, zip([['x/data.pkl', tensorPickle(), { crc: 7 }], data]), /"x\/data\.pkl" is damaged/)
  const lying = Buffer.from(good)
  lying.writeUInt16LE(5, good.length - 12)
  refuses(t, lying, /zip directory is broken/)
  t.end()
})

t.test('the legacy format', t => {
  const object = tensorPickle({ view: [op('NONE')] })
  t.same(read(t, legacy(object, [['0', 4, FLOATS]])), [1, 2, 3, 4])
  const view = [op('MARK'), text('0:1'), op('BININT'), u32(1), op('BININT'), u32(3), op('TUPLE')]
  t.same(read(t, legacy(tensorPickle({ view, size: [3] }), [['0', 4, FLOATS]])), [2, 3, 4], 'a storage that is a stretch of another')
  refuses(t, legacy(object, [['0', 4, FLOATS]], { protocol: 1002 }), /protocol must be 1001, received 1002/)
  refuses(t, legacy(object, [['0', 4, FLOATS]], { littleEndian: false }), /little-endian machine/)
  refuses(t, legacy(object, [['0', 5, FLOATS]]), /storage "0" must have 4 elements, received 5/)
  refuses(t, legacy(object, [['1', 4, FLOATS]]), /storage "1" is listed, but no tensor uses it/)
  refuses(t, legacy(object, []), /storage "0" is not in the file/)
  refuses(t, legacy(object, [['0', 4, FLOATS.subarray(0, 12)]]), /ends at byte/)
  refuses(t, legacy(object, [['0', 4, Buffer.concat([FLOATS, FLOATS])]]), /the storages end at byte/)
  const huge = tensorPickle({ length: 0x7fffffff })
  refuses(t, legacy(huge, [['0', 0x7fffffff, FLOATS]]), /ends at byte 8589934/)
  t.end()
})
