import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildTestApp } from '../build-test-app.js'
import { missing, program, runProgram } from './processes.js'

const RULES = 'deploy/prometheus/rules'
const TESTS = 'test/deploy/prometheus-rules.yml'
const alerts = readFileSync(join(RULES, 'alerts.yml'), 'utf8').split('\n      - alert: ').slice(1)
const nameOf = (alert: string): string => alert.split('\n')[0]!

t.setTimeout(110_000)

t.test('promtool accepts the configuration and the rules', { skip: missing('promtool') }, async t => {
  for (const args of [['check', 'config', 'deploy/prometheus/prometheus.yml'], ['check', 'rules', ...readdirSync(RULES).map(file => join(RULES, file))]]) {
    const { code, output } = runProgram('promtool', args)
    t.equal(code, 0, output)
  }
})

t.test('every alert fires in its case and stays silent beside it', { skip: missing('promtool') }, async t => {
  const { code, output } = runProgram('promtool', ['test', 'rules', TESTS])
  t.equal(code, 0, output)
})

t.test('every alert says how bad it is and where its runbook is', async t => {
  const sections = readFileSync('deploy/README.md', 'utf8').split('\n').filter(line => line.startsWith('### ')).map(line => line.slice(4))
  t.ok(alerts.length > 10)
  for (const alert of alerts) {
    const name = nameOf(alert)
    t.match(alert, /severity: (page|ticket) }/, name)
    t.match(alert, /\n {10}summary: /, name)
    t.match(alert, `runbook: "deploy/README.md#${name.toLowerCase()}: `, name)
    t.ok(sections.includes(name), `deploy/README.md has a section ${name}`)
  }
})

t.test('what rules, dashboard and autoscaling ask for exists', async t => {
  const { http } = await buildTestApp(t)
  const { body } = await http.inject('/metrics')
  if (program('promtool') !== undefined) {
    const { status, stdout, stderr } = spawnSync(program('promtool')!, ['check', 'metrics'], { input: body, encoding: 'utf8' })
    t.strictSame([status, stdout + stderr], [0, ''], 'promtool has nothing to say about the metrics')
  }
  const known = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(match => match[1]!))
  const files = [...readdirSync(RULES).map(file => join(RULES, file)), 'deploy/grafana/dashboards/vovnet-serve.json', 'deploy/kubernetes/components/autoscaling/scaledobject.yaml']
  for (const file of files) {
    const asked = new Set([...readFileSync(file, 'utf8').matchAll(/\b(?:vovnet|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name))
    t.ok(asked.size > 0)
    for (const name of asked) t.ok(known.has(name) || known.has(name.replace(/_(bucket|sum|count)$/, '')), `${name} of ${file}`)
  }
})
