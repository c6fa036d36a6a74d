import { spawnSync } from 'node:child_process'
import { readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../src/config.js'
import { missing, runProgram, scratch } from './processes.js'

const KUBERNETES = 'deploy/kubernetes'
const OVERLAYS = ['base', 'overlays/cpu', 'overlays/gpu']
/** Kinds that operators bring: Kubernetes has no schema of theirs. */
const OF_OPERATORS = ['ServiceMonitor', 'PrometheusRule', 'ScaledObject']
const deployment = readFileSync(join(KUBERNETES, 'base/deployment.yaml'), 'utf8')

t.setTimeout(110_000)

t.test('every overlay builds, and its objects keep Kubernetes\' published schemas', { skip: missing('kubectl') }, async t => {
  const noSchemas = missing('kubernetes-validate')
  if (noSchemas !== false) t.comment(`NOT VALIDATED against the schemas: ${noSchemas}`)
  const folder = scratch(t)
  for (const overlay of OVERLAYS) {
    const { code, output } = runProgram('kubectl', ['kustomize', join(KUBERNETES, overlay)])
    t.equal(code, 0, output)
    const objects = output.split('\n---\n')
    const kinds = objects.map(object => /^kind: (\w+)$/m.exec(object)![1]!)
    t.strictSame(kinds.filter(kind => OF_OPERATORS.includes(kind)).length, overlay === 'base' ? 0 : 3, 'the base needs no operator')
    for (const [index, object] of objects.entries()) {
      if (noSchemas !== false || OF_OPERATORS.includes(kinds[index]!)) continue
      const file = join(folder, `${index}.yaml`)
      writeFileSync(file, object)
      const validated = runProgram('kubernetes-validate', ['--strict', file])
      t.equal(validated.code, 0, `${overlay} ${kinds[index]}: ${validated.output}`)
    }
  }
})

t.test('the components left to choice build with the base too', { skip: missing('kubectl') }, async t => {
  for (const [component, expected] of [['tracing', /name: OTEL_EXPORTER_OTLP_ENDPOINT\n[^]*port: 4318/], ['weights-volume', /claimName: vovnet-weights/]] as const) {
    const folder = scratch(t)
    const from = (path: string): string => relative(realpathSync(folder), resolve(KUBERNETES, path))
    writeFileSync(join(folder, 'kustomization.yaml'), `resources: [${from('base')}]\ncomponents: [${from(`components/${component}`)}]\n`)
    const { code, output } = runProgram('kubectl', ['kustomize', folder])
    t.equal(code, 0, output)
    t.match(output, expected)
    for (const object of output.split('\n---\n')) {
      const file = join(folder, 'object.yaml')
      writeFileSync(file, object)
      if (missing('kubernetes-validate') === false) t.equal(runProgram('kubernetes-validate', ['--strict', file]).code, 0, object)
    }
  }
})

t.test('selectors select: no policy or budget covers other people\'s pods', { skip: missing('kubectl') }, async t => {
  const { output } = runProgram('kubectl', ['kustomize', join(KUBERNETES, 'base')])
  t.notMatch(output, /^ {2}(podSelector|selector): \{\}/m)
  t.match(output, /kind: PodDisruptionBudget[^]*matchLabels:\n {6}app.kubernetes.io\/name: vovnet-serve/)
})

t.test('the PrometheusRule is what promtool tested', async t => {
  const path = join(KUBERNETES, 'components/monitoring/prometheusrule.yaml')
  const committed = readFileSync(path, 'utf8')
  t.equal(spawnSync(process.execPath, [join(KUBERNETES, 'write-prometheus-rule.js')]).status, 0)
  t.equal(readFileSync(path, 'utf8'), committed, 'node deploy/kubernetes/write-prometheus-rule.js changes nothing')
})

t.test('the Deployment\'s settings exist, and it waits longer than the service does', async t => {
  const names = [...deployment.matchAll(/- \{ name: ([A-Z_]+), value/g)].map(match => match[1]!)
  t.ok(names.length >= 4)
  for (const name of names) t.ok(name in SETTINGS, name)
  const value = (name: string): number => Number(new RegExp(`name: ${name}, value: "(\\d+)"`).exec(deployment)![1])
  const grace = Number(/terminationGracePeriodSeconds: (\d+)/.exec(deployment)![1]) * 1000
  t.ok(grace > value('DRAIN_DELAY_MS') + value('SHUTDOWN_GRACE_MS'), 'what is in is answered before the kill')
  t.ok(value('DRAIN_DELAY_MS') > 2000 * 2, 'readiness is asked at least twice before the listener closes')
})
