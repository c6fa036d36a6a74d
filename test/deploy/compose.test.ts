import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { program, runProgram } from './processes.js'

const compose = readFileSync('docker-compose.yml', 'utf8')
const hasCompose = program('docker') !== undefined && runProgram('docker', ['compose', 'version']).code === 0

t.test('docker compose accepts the file, with and without a GPU', { skip: hasCompose ? false : 'docker compose not installed on this machine' }, async t => {
  for (const profile of [[], ['--profile', 'gpu']]) {
    const { code, output } = runProgram('docker', ['compose', '-f', 'docker-compose.yml', ...profile, 'config', '--quiet'])
    t.equal(code, 0, output)
  }
})

t.test('what it mounts is there, and the files agree with each other', async t => {
  const mounts = [...compose.matchAll(/- (\.\/\S+?):(\/\S+?):ro/g)].map(([, from, to]) => ({ from: from!, to: to! }))
  t.ok(mounts.length >= 4)
  for (const { from } of mounts) t.ok(existsSync(from), from)
  /** Where a path of a container lies in the repository. */
  const onHost = (path: string): string => {
    const mount = mounts.find(({ to }) => path.startsWith(`${to}/`) || path === to)
    return `${mount?.from}${path.slice(mount?.to.length)}`
  }
  t.ok(existsSync(onHost(/GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: (\S+)/.exec(compose)![1]!)), 'the home page is a dashboard that is mounted')
  t.ok(existsSync(onHost(/--config\.file=([^,\]]+)/.exec(compose)![1]!)))
  t.ok(existsSync(onHost(/path: (\S+)/.exec(readFileSync('deploy/grafana/provisioning/dashboards/vovnet-serve.yml', 'utf8'))![1]!)))

  const service = (name: string): string => compose.split(`\n  ${name}:\n`)[1]!.split(/\n {2}\S|\n\S/)[0]!
  const prometheus = readFileSync('deploy/prometheus/prometheus.yml', 'utf8')
  for (const [, name] of prometheus.matchAll(/names: \[(\S+)\]/g)) t.ok(service(name!), `${name} is a service`)
  t.match(service('vovnet-serve-gpu'), 'aliases: [vovnet-serve]')
  const datasource = readFileSync('deploy/grafana/provisioning/datasources/prometheus.yml', 'utf8')
  t.match(service('prometheus'), /9090/)
  t.match(datasource, 'url: http://prometheus:9090')
  const dashboard = JSON.parse(readFileSync('deploy/grafana/dashboards/vovnet-serve.json', 'utf8')) as { templating: { list: Array<{ current: { value: unknown } }> } }
  t.match(datasource, `uid: ${dashboard.templating.list[0]!.current.value}`)
})
