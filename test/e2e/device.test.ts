import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { THIS_MACHINE } from '../../src/inference/gpu-presence.js'

const CLI = join(process.cwd(), 'dist', 'cli.js')

function start (...flags: string[]): { status: number | null, stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'serve', '--port', '0', '--host', '127.0.0.1', ...flags], { encoding: 'utf8', timeout: 30_000 })
  return { status, stderr }
}

t.test('a named provider that is not there fails the start with a sentence', { skip: THIS_MACHINE.missingLibraries('cuda').length === 0 && 'the CUDA libraries are here' }, async t => {
  const { status, stderr } = start('--execution-provider', 'cuda')
  t.equal(status, 1)
  t.match(stderr, /EXECUTION_PROVIDER cuda cannot be used: this installation lacks .*libonnxruntime_providers_cuda\.so/)
  t.notMatch(stderr, /at .*\.js:\d+/, 'no stack')
})

t.test('int8 is refused, not run as something else', async t => {
  const { status, stderr } = start('--precision', 'int8')
  t.equal(status, 1)
  t.match(stderr, /int8 is not built yet/)
})
