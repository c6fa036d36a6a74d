import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CheckpointFile } from '../../src/checkpoint/formats/checkpoint-file.js'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { unpickle } from '../../src/checkpoint/pickle/unpickle.js'
import { Call, type PickleValue } from '../../src/checkpoint/pickle/values.js'
import { array, checkpointWith, globalName, op, pickle, text, u32, u64 } from './pickle-assembler.js'
import { scratchFile, scratchFolder } from './scratch-file.js'

function read (t: Test, bytes: Buffer): PickleValue {
  const file = new CheckpointFile(scratchFile(t, bytes))
  t.teardown(() => file.close())
  return unpickle(file, 0, file.size).root
}

/** Ends in a coded error within a second and without taking much memory. */
function refuses (t: Test, bytes: Buffer, message: RegExp): void {
  const file = scratchFile(t, bytes)
  const memory = process.memoryUsage().rss
  const busy = process.cpuUsage()
  t.throws(() => openCheckpoint(file), { code: 'checkpoint_unreadable', message }, String(message))
  t.ok(process.cpuUsage(busy).user < 1e6, `within a second, in ${process.cpuUsage(busy).user / 1000} ms`)
  t.ok(process.memoryUsage().rss - memory < 512 * 1024 * 1024, 'within half a gigabyte')
}

t.test('calls stay names: nothing is run, and what was to be called is data', t => {
  const proof = join(scratchFolder(t), 'was-run')
  const attacks = {
    'os.system': [globalName('posix', 'system'), text(`touch ${proof}`), op('TUPLE1'), op('REDUCE')],
    eval: [globalName('builtins', 'eval'), text(`open("${proof}", "w")`), op('TUPLE1'), op('REDUCE')],
    'node:fs': [globalName('node:fs', 'writeFileSync'), text(proof), text(''), op('TUPLE2'), op('REDUCE')],
    'a method of a prototype': [globalName('Object', 'constructor'), text('return process'), op('TUPLE1'), op('REDUCE'), op('EMPTY_TUPLE'), op('REDUCE')],
    'nested calls': [globalName('builtins', 'getattr'), globalName('os', 'system'), text('__call__'), op('TUPLE2'), op('REDUCE'), text(`touch ${proof}`), op('TUPLE1'), op('REDUCE')],
    __setstate__: [globalName('builtins', 'object'), op('EMPTY_TUPLE'), op('NEWOBJ'), op('EMPTY_DICT'), text('__setstate__'), globalName('posix', 'system'), op('SETITEM'), op('BUILD'), text(`touch ${proof}`), op('BUILD')],
    __proto__: [op('EMPTY_DICT'), text('__proto__'), op('EMPTY_DICT'), text('polluted'), op('NEWTRUE'), op('SETITEM'), op('SETITEM')]
  }
  for (const [name, pieces] of Object.entries(attacks)) {
    const source = openCheckpoint(scratchFile(t, checkpointWith(text('evil'), ...pieces)))
    t.same([...source.tensors.keys()], ['a'], `${name}: beside a tensor it is passed over`)
    t.same([...source.read('a')], [1, 2], `${name}: and the tensor is read`)
    source.close()
    t.throws(() => openCheckpoint(scratchFile(t, pickle(...pieces))), { code: 'checkpoint_unreadable' }, `${name}: alone it is no checkpoint`)
  }
  t.notOk(existsSync(proof))
  t.notOk('polluted' in {})
  const call = read(t, pickle(...attacks.eval)) as Call
  t.equal(call.path, 'builtins.eval')
  t.end()
})

t.test('a tensor made by a call of something else is no tensor', t => {
  refuses(t, pickle(op('EMPTY_DICT'), text('a'), globalName('torch._utils', '_rebuild_evil'), op('EMPTY_TUPLE'), op('REDUCE'), op('SETITEM')), /expected a dict of tensors/)
  refuses(t, pickle(op('EMPTY_DICT'), text('a'), globalName('torch._utils', '_rebuild_parameter'), globalName('os', 'system'), op('TUPLE1'), op('REDUCE'), op('SETITEM')), /tensor "a": expected a dense tensor/)
  refuses(t, pickle(op('EMPTY_DICT'), text('a'), globalName('torch._utils', '_rebuild_tensor_v2'), op('EMPTY_TUPLE'), op('REDUCE'), op('SETITEM')), /tensor "a": expected a storage, received nothing/)
  refuses(t, pickle(op('EMPTY_DICT'), text('a'), globalName('numpy.core.multiarray', '_reconstruct'), op('EMPTY_TUPLE'), op('REDUCE'), op('SETITEM')), /tensor "a": dtype/)
  t.end()
})

t.test('a stack that is not there', t => {
  for (const opcode of ['APPEND', 'SETITEM', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'REDUCE', 'NEWOBJ', 'BUILD', 'BINPERSID', 'STACK_GLOBAL', 'MEMOIZE'] as const) {
    refuses(t, pickle(op(opcode)), /the stack is empty/)
    refuses(t, pickle(op('NONE'), op('NONE'), op('NONE'), op('MARK'), op(opcode)), /the stack is empty/)
  }
  for (const opcode of ['TUPLE', 'APPENDS', 'SETITEMS', 'ADDITEMS', 'FROZENSET'] as const) refuses(t, pickle(op('NONE'), op(opcode)), /no MARK/)
  refuses(t, pickle(), /the stack is empty/)
  refuses(t, pickle(op('EMPTY_DICT'), op('MARK'), op('NONE'), op('SETITEMS')), /items cannot be set/)
  refuses(t, pickle(op('NONE'), op('NONE'), op('APPEND')), /nothing can be appended/)
  refuses(t, pickle(op('BINGET', 9)), /memo 9/)
  t.end()
})

t.test('bytes that are not there, and opcodes that have no place', t => {
  refuses(t, pickle(op('BINUNICODE'), u32(0xffffffff)), /expected 4294967295 more bytes/)
  refuses(t, pickle(op('BINBYTES8'), u64(2n ** 64n - 1n)), /more bytes/)
  refuses(t, pickle(op('BINUNICODE8'), u64(2n ** 62n)), /more bytes/)
  refuses(t, pickle(op('LONG4'), u32(0x7fffffff)), /at most 255 bytes/)
  refuses(t, pickle(op('LONG4'), u32(0xffffffff)), /at most 255 bytes/)
  refuses(t, pickle(globalName('a'.repeat(5000), 'b')), /a name of at most/)
  refuses(t, Buffer.from([0x80, 2, 0x7d]), /expected 1 more bytes/)
  refuses(t, Buffer.concat([Buffer.from([0x80, 2, 0x80, 9]), pickle(op('NONE'))]), /protocol must be 2 to 5, received 9/)
  for (const [opcode, name] of [[0x30, 'POP'], [0x69, 'INST'], [0x6f, 'OBJ'], [0x82, 'EXT1'], [0x92, 'NEWOBJ_EX'], [0x97, 'NEXT_BUFFER'], [0x50, 'PERSID']] as const) {
    refuses(t, pickle(opcode), new RegExp(`0x${opcode.toString(16)} \\(${name}\\)`))
  }
  refuses(t, pickle(0xff), /0xff has no place/)
  t.end()
})

t.test('more work than any checkpoint needs', t => {
  const many = (opcode: Parameters<typeof op>[0], count: number): Buffer => Buffer.alloc(count, op(opcode)[0])
  const tooMuch = /more work than any checkpoint needs/
  refuses(t, pickle(many('MARK', 20_000_000)), tooMuch)
  refuses(t, pickle(many('EMPTY_DICT', 20_000_000)), tooMuch)
  refuses(t, pickle(many('NONE', 20_000_000)), tooMuch)
  refuses(t, pickle(op('MARK'), many('NONE', 3_900_000), op('TUPLE')), /a list of 3900000/)
  refuses(t, pickle(op('EMPTY_SET'), many('MEMOIZE', 20_000_000)), tooMuch)
  // Half a million times nothing, appended to a list of a million.
  refuses(t, pickle(op('EMPTY_LIST'), op('MARK'), many('NONE', 1_000_000), op('APPENDS'), Buffer.alloc(1_000_000, Buffer.concat([op('MARK'), op('APPENDS')]))), /a list of 1000000/)
  // Text that repeats: each piece is short enough to be kept.
  refuses(t, pickle(Buffer.alloc(80_000_000, text('x'.repeat(4000)))), /bytes of text/)
  t.end()
})

t.test('bombs that unfold only when walked are never walked', t => {
  // A tuple of two, sixty times over: 2^60 leaves.
  const doubling = [op('NONE'), ...Array.from({ length: 60 }, (_, index) => [op('BINPUT', index), op('BINGET', index), op('TUPLE2')]).flat()]
  const source = openCheckpoint(scratchFile(t, checkpointWith(text('bomb'), ...doubling)))
  t.same([...source.read('a')], [1, 2])
  source.close()

  // A dict that holds itself under every wrapper's name.
  const wrappers = ['state_dict_ema', 'model_ema', 'state_dict', 'model'].flatMap(name => [text(name), op('BINGET', 0)])
  refuses(t, pickle(op('EMPTY_DICT'), op('BINPUT', 0), op('MARK'), ...wrappers, op('SETITEMS')), /expected a dict of tensors/)

  // Tuples nested 200,000 deep.
  refuses(t, pickle(op('NONE'), Buffer.alloc(200_000, op('TUPLE1'))), /expected a dict of tensors/)

  // Parameters of parameters.
  const calls = Array.from({ length: 100 }, () => globalName('torch._utils', '_rebuild_parameter'))
  const reduces = Array.from({ length: 100 }, () => [op('TUPLE1'), op('REDUCE')]).flat()
  refuses(t, pickle(op('EMPTY_DICT'), text('a'), ...calls, op('NONE'), ...reduces, op('SETITEM')), /tensor "a": expected a dense tensor/)
  t.end()
})

t.test('arrays that claim more than they hold', t => {
  const claims = (shape: Uint8Array[], order = '<'): Buffer => pickle(
    op('EMPTY_DICT'), text('a'), globalName('numpy.core.multiarray', '_reconstruct'), op('EMPTY_TUPLE'), op('REDUCE'),
    op('MARK'), op('BININT1', 1), op('MARK'), ...shape, op('TUPLE'), globalName('numpy', 'dtype'), text('f4'), op('TUPLE1'), op('REDUCE'),
    op('MARK'), op('BININT1', 3), text(order), op('TUPLE'), op('BUILD'), op('NEWFALSE'), op('BINBYTES'), u32(8), Buffer.alloc(8), op('TUPLE'), op('BUILD'), op('SETITEM'))
  const billion = Buffer.concat([op('BININT'), u32(1_000_000_000)])
  refuses(t, claims([billion]), /but 8 bytes of data/)
  refuses(t, claims([billion, billion, billion, op('BININT1', 0)]), /but 8 bytes of data/)
  refuses(t, claims([Buffer.concat([op('BININT'), u32(0xffffffff)])]), /expected a whole number, received -1/)
  refuses(t, claims([Buffer.concat([op('LONG1', 9), Buffer.alloc(9, 0x7f)])]), /expected a whole number/)
  refuses(t, claims(Array.from({ length: 65 }, () => op('BININT1', 1))), /but 8 bytes of data/)
  const source = openCheckpoint(scratchFile(t, claims([op('BININT1', 2)])))
  t.same([...source.read('a')], [0, 0])
  source.close()

  // As protocol 2 writes bytes: text, short enough to be kept, and so long that it stays in the file.
  const asText = (characters: string): Buffer => pickle(
    op('EMPTY_DICT'), text('a'), globalName('numpy.core.multiarray', '_reconstruct'), op('EMPTY_TUPLE'), op('REDUCE'),
    op('MARK'), op('BININT1', 1), op('BININT'), u32(2000), op('TUPLE1'), globalName('numpy', 'dtype'), text('f4'), op('TUPLE1'), op('REDUCE'),
    op('MARK'), op('BININT1', 3), text('<'), op('TUPLE'), op('BUILD'), op('NEWFALSE'), globalName('_codecs', 'encode'), text(characters), text('latin1'), op('TUPLE2'), op('REDUCE'), op('TUPLE'), op('BUILD'), op('SETITEM'))
  refuses(t, asText('short'), /but 5 bytes of data/)
  refuses(t, asText('\u20ac'.repeat(1000)), /but NaN bytes of data/)
  for (const [characters, message] of [['x'.repeat(7999), /but 7999 bytes of data/], ['x'.repeat(8001), /but 8001 bytes/], [`${'x'.repeat(7999)}\u0100`, /but NaN bytes/]] as const) {
    const long = openCheckpoint(scratchFile(t, asText(characters)))
    t.throws(() => long.read('a'), { code: 'checkpoint_unreadable', message }, String(message))
    long.close()
  }
  const long = openCheckpoint(scratchFile(t, asText('\u00ff\u0080\u00c3A'.repeat(2000))))
  t.equal(long.read('a')[1999], Buffer.of(0xff, 0x80, 0xc3, 0x41).readFloatLE())
  long.close()
  t.end()
})

t.test('Python 2 wrote OrderedDicts as calls with pairs, and bytes as strings', t => {
  const float = Buffer.alloc(4)
  float.writeFloatLE(-0.3)
  const binary = [
    globalName('numpy.core.multiarray', '_reconstruct'), op('EMPTY_TUPLE'), op('REDUCE'),
    op('MARK'), op('BININT1', 1), op('BININT1', 1), op('TUPLE1'), globalName('numpy', 'dtype'), op('SHORT_BINSTRING', 2), Buffer.from('f4'), op('TUPLE1'), op('REDUCE'),
    op('MARK'), op('BININT1', 3), op('SHORT_BINSTRING', 1), Buffer.from('<'), op('TUPLE'), op('BUILD'), op('NEWFALSE'), op('BINSTRING'), u32(4), float, op('TUPLE'), op('BUILD')
  ]
  const source = openCheckpoint(scratchFile(t, pickle(
    globalName('collections', 'OrderedDict'), op('EMPTY_LIST'), op('MARK'),
    op('SHORT_BINSTRING', 1), Buffer.from('a'), ...binary, op('TUPLE2'), text('b'), array([3]), op('TUPLE2'),
    op('APPENDS'), op('TUPLE1'), op('REDUCE'))))
  t.same([...source.read('a')], [Math.fround(-0.3)])
  t.same([...source.read('b')], [3])
  source.close()
  t.end()
})
