import { readFileSync } from 'node:fs'
import t from 'tap'
import { openCheckpoint } from '../../src/checkpoint/open.js'
import { golden } from './expected.js'
import { scratchFile } from './scratch-file.js'

const range = (count: number, start = 0, step = 1): number[] => Array.from({ length: count }, (_, index) => start + index * step)

/** Made by torch in checkpoint_files.py: values count up through the storage a tensor looks into. */
const TENSORS: Record<string, [shape: number[], values: number[]]> = {
  ...Object.fromEntries(['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8'].map(name => [name, [[2, 3], range(6)]])),
  bool: [[3], [1, 0, 1]],
  scalar: [[], [2.5]],
  empty: [[0, 4], []],
  negative: [[2], [-1, -128]],
  transposed: [[6, 4], range(6).flatMap(row => range(4, row, 6))],
  row: [[6], range(6, 12)],
  column: [[4], range(4, 3, 6)],
  every_other: [[12], range(12, 1, 2)],
  channels_last: [[2, 2, 3, 4], range(48)],
  parameter: [[4], range(4)],
  parameter_with_state: [[2], [1, 1]]
}

for (const file of ['storages.pth', 'storages-no-checksums.pth', 'storages-legacy.pth']) {
  t.test(`${file}: every element type, stride, view and shared storage`, t => {
    const source = openCheckpoint(golden(file))
    t.teardown(() => source.close())
    t.same([...source.tensors.keys()].sort(), Object.keys(TENSORS).sort())
    for (const [name, [shape, values]] of Object.entries(TENSORS)) {
      t.same(source.tensors.get(name)!.shape, shape, `${name}: shape`)
      t.same([...source.read(name)], values, `${name}: values`)
    }
    t.throws(() => source.read('nothing'), { code: 'checkpoint_unreadable' })
    t.end()
  })
}

const ARRAYS: Record<string, [shape: number[], values: number[]]> = {
  big_endian: [[2, 3], range(6)],
  fortran: [[2, 3], range(6)],
  half: [[2], [1.5, -2]],
  long: [[2], [3, -4]],
  flag: [[2], [1, 0]],
  scalar: [[], [2.5]],
  large: [[1100], range(1100)]
}

for (const protocol of [2, 3, 4, 5]) {
  t.test(`numpy arrays pickled in protocol ${protocol}`, t => {
    const source = openCheckpoint(golden(`arrays-p${protocol}.pkl`))
    t.teardown(() => source.close())
    for (const [name, [shape, values]] of Object.entries(ARRAYS)) {
      t.same(source.tensors.get(name)!.shape, shape, `${name}: shape`)
      t.same([...source.read(name)], values, `${name}: values`)
    }
    t.end()
  })
}

t.test('arrays under the module names of numpy before version 2', t => {
  const bytes = readFileSync(golden('arrays-p2.pkl')).toString('latin1').replaceAll('numpy._core', 'numpy.core')
  const source = openCheckpoint(scratchFile(t, Buffer.from(bytes, 'latin1')))
  t.teardown(() => source.close())
  t.same([...source.read('large')], range(1100))
  t.end()
})

t.test('what is no checkpoint of tensors is refused by name', t => {
  const refuses = (file: string, message: RegExp): unknown => t.throws(() => openCheckpoint(file), { code: 'checkpoint_unreadable', message }, String(message))
  refuses(golden('torchscript.pt'), /TorchScript/)
  refuses(golden('module.pth'), /whole module.*state_dict/)
  const tar = Buffer.alloc(1024)
  tar.write('ustar', 257, 'latin1')
  refuses(scratchFile(t, tar), /tar archive/)
  refuses(scratchFile(t, Buffer.from('\x89HDF\r\n\x1a\n padding', 'latin1')), /HDF5/)
  refuses(scratchFile(t, Buffer.from('version https://git-lfs.github.com/spec/v1\n')), /Git LFS/)
  refuses(scratchFile(t, Buffer.from([0x80, 0x02, 0x5d, 0x2e])), /expected a dict of tensors.*a list of 0/)
  refuses(scratchFile(t, Buffer.from('hello world, no weights here')), /expected safetensors/)
  t.end()
})
