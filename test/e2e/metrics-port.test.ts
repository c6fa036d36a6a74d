import t from 'tap'
import { freePort, start, answers } from '../deploy/processes.js'

t.setTimeout(110_000)

t.test('METRICS_PORT moves /metrics to a listener of its own', async t => {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const settings = { HOST: '127.0.0.1', PORT: String(port), METRICS_PORT: String(metricsPort), LOG_LEVEL: 'error', TUNE: 'off' }
  const { child, said } = start(t, process.execPath, ['dist/cli.js', 'serve'], settings)
  await answers(`http://127.0.0.1:${port}/health/ready`, () => child.exitCode === null ? undefined : said())
  t.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404, 'clients do not reach it')
  t.match(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(), /\nvovnet_ready 1\n/)
  t.equal((await fetch(`http://127.0.0.1:${metricsPort}/v1/models`)).status, 404, 'and nothing else is there')

  const second = start(t, process.execPath, ['dist/cli.js', 'serve'], { ...settings, PORT: '0' })
  t.equal(await new Promise(resolve => second.child.once('close', resolve)), 1)
  t.match(second.said(), `METRICS_PORT ${metricsPort} of 127.0.0.1 is already in use`)
  child.kill('SIGTERM')
  t.equal(await new Promise(resolve => child.once('close', resolve)), 0, 'it ends with the service')
})
