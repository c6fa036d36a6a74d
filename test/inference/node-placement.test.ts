import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { countByProvider, nodesOf, openProfileFolder, requirePlacement, type PlacedNode } from '../../src/inference/node-placement.js'

const CPU = 'CPUExecutionProvider'
const CUDA = 'CUDAExecutionProvider'
const node = (provider: string, op: string, ...outputTypes: string[]): PlacedNode => ({ provider, op, outputTypes })
const CONV = node(CUDA, 'Conv', 'float')

t.test('nodes are read from a profile', async t => {
  const events = [
    { cat: 'Session', name: 'session_initialization' },
    { cat: 'Node', name: 'a_kernel_time', args: { provider: CUDA, op_name: 'Conv', output_type_shape: [{ float: [1, 2] }] } },
    { cat: 'Node', name: 'b_kernel_time', args: { provider: CPU, op_name: 'Slice', output_type_shape: [{ int64: [2] }] } },
    { cat: 'Node', name: 'b_fence_before', args: { op_name: 'Slice' } }
  ]
  const nodes = nodesOf(JSON.stringify(events))
  t.strictSame(nodes, [CONV, node(CPU, 'Slice', 'int64')])
  t.strictSame(countByProvider([...nodes, CONV]), { [CUDA]: 2, [CPU]: 1 })
})

t.test('all where they should be, but for arithmetic with sides', async t => {
  requirePlacement('cuda', [CONV])
  requirePlacement('cuda', [CONV, node(CPU, 'Shape', 'int64'), node(CPU, 'Mod', 'int64')])
  requirePlacement('cpu', [node(CPU, 'Conv', 'float')])
  requirePlacement('tensorrt', [node('TensorrtExecutionProvider', 'TRTKernel', 'float'), node(CUDA, 'Transpose', 'uint8')])
  const refused = (provider: 'cpu' | 'cuda' | 'tensorrt' | 'webgpu', nodes: PlacedNode[], message: RegExp): void => {
    t.throws(() => requirePlacement(provider, nodes), { code: 'provider_unavailable', message })
  }
  refused('cuda', [CONV, node(CPU, 'Conv', 'float')], /Conv on CPUExecutionProvider/)
  refused('cuda', [CONV, node(CPU, 'Split', 'int64', 'float')], /Split/)
  refused('cuda', [CONV, node(CPU, 'Unknown')], /Unknown/)
  refused('cuda', [node(CPU, 'Shape', 'int64')], /none/)
  refused('tensorrt', [CONV], /none/)
  refused('webgpu', [node('WebGpuExecutionProvider', 'Conv', 'float'), CONV], /Conv on CUDA/)
  refused('cpu', [], /none/)
})

t.test('a profile\'s folder is removed with all in it', async t => {
  const parent = t.testdir()
  const folder = openProfileFolder(parent)!
  t.same(folder.nodes(), [], 'nothing ran')
  writeFileSync(`${folder.prefix}_1.json`, JSON.stringify([{ cat: 'Node', args: { provider: CPU, op_name: 'Conv', output_type_shape: [{ float: [] }] } }]))
  t.strictSame(folder.nodes(), [node(CPU, 'Conv', 'float')])
  folder.remove()
  t.same(readdirSync(parent), [])
  t.equal(openProfileFolder(`${parent}/missing`), undefined, 'a place that cannot be written to')
  t.notOk(existsSync(`${parent}/missing`))
})
