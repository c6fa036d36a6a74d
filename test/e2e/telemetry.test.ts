import { once } from 'node:events'
import t from 'tap'
import { answers, freePort, start } from '../deploy/processes.js'

t.setTimeout(110_000)

t.test('ONNX Runtime does not report to its maker', { skip: process.platform === 'linux' ? false : 'seen on Linux alone' }, async t => {
  const port = await freePort()
  // With nowhere to keep the machine's id it says so as soon as it begins to report; in CI it never would.
  const home = '/proc/none'
  const { child, said } = start(t, process.execPath, ['dist/cli.js', 'serve'], { HOST: '127.0.0.1', PORT: String(port), LOG_LEVEL: 'error', TUNE: 'off', HOME: home, XDG_CACHE_HOME: home, CI: '', TF_BUILD: '', GITHUB_ACTIONS: '' })
  await answers(`http://127.0.0.1:${port}/health/ready`, () => child.exitCode === null ? undefined : said())
  child.kill('SIGTERM')
  await once(child, 'exit')
  t.match(said(), /is ready on/)
  t.notMatch(said(), /telemetry/i)
})
