import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { answers, freePort, missing, program, scratch, start, startService } from './processes.js'
import { mixedLoad } from './mixed-load.js'

interface Panel { readonly title: string, readonly type: string, readonly targets?: ReadonlyArray<{ readonly expr: string }> }
interface Answer { readonly status: string, readonly error?: string, readonly data: { readonly result: ReadonlyArray<{ readonly metric: Record<string, string>, readonly value: [number, string] }> } }

const dashboard = JSON.parse(readFileSync('deploy/grafana/dashboards/vovnet-serve.json', 'utf8')) as { uid: string, panels: Panel[], templating: { list: Array<{ name: string, query: { query: string } }> } }
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
/** What only a GPU, and NVIDIA's exporter beside it, can show. */
const needsGpu = ({ title }: Panel): boolean => title.startsWith('GPU: ')

/** A real Prometheus with the repository's files; only the intervals are shorter and the target is the test's. */
async function startPrometheus (t: Test, servicePort: number): Promise<string> {
  const folder = scratch(t)
  cpSync('deploy/prometheus', folder, { recursive: true })
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(/(scrape|evaluation)_interval: 15s/g, '$1_interval: 1s'))
  writeFileSync(join(folder, 'targets', 'service.yml'), `- targets: ['127.0.0.1:${servicePort}']\n`)
  const port = await freePort()
  const { child, said } = start(t, program('prometheus')!, [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error', '--enable-feature=exemplar-storage'])
  await answers(`http://127.0.0.1:${port}/-/ready`, () => child.exitCode === null ? undefined : said())
  return `http://127.0.0.1:${port}`
}

/** As Grafana fills it in with every variable on All. */
function filledIn (expr: string): string {
  return expr.replaceAll('$__rate_interval', '10s').replaceAll('$job', 'vovnet-serve').replaceAll('$instance', '127.0.0.1:.*').replaceAll('$model', '.*')
}

t.setTimeout(110_000)

t.test('every panel returns data from a real Prometheus under a mixed load', { skip: missing('prometheus') }, async t => {
  const servicePort = await freePort()
  const prometheus = await startPrometheus(t, servicePort)
  // The collector is not there: spans are lost, their ids are in the exemplars all the same.
  await startService(t, servicePort, { MAX_QUEUE_SIZE: '12', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', LOG_LEVEL: 'fatal' })
  const stop = new AbortController()
  const load = mixedLoad(`http://127.0.0.1:${servicePort}`, stop.signal)
  t.teardown(async () => { stop.abort(); await load })
  const query = async (expr: string): Promise<Answer> =>
    await (await fetch(`${prometheus}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) })).json() as Answer
  const hasData = ({ data }: Answer): boolean => data.result.some(({ value }) => !Number.isNaN(Number(value[1])))

  const wanted = panels.filter(panel => !needsGpu(panel)).flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr: filledIn(expr) })))
  t.ok(wanted.length > 50, `${wanted.length} queries`)
  // Rates need some scrapes; a busy machine needs more of them.
  let empty = wanted
  for (const started = performance.now(); empty.length > 0 && performance.now() - started < 60_000;) {
    await new Promise(resolve => setTimeout(resolve, 1000))
    const found = await Promise.all(empty.map(async ({ expr }) => hasData(await query(expr))))
    empty = empty.filter((_, index) => !found[index])
  }
  t.strictSame(empty, [], 'no query is without data')

  for (const panel of panels.filter(needsGpu)) {
    for (const { expr } of panel.targets ?? []) t.equal((await query(expr)).status, 'success', `${panel.title}: ${expr} is PromQL`)
    t.comment(`NOT CHECKED FOR DATA, needs a GPU and dcgm-exporter: panel "${panel.title}"`)
  }

  await t.test('Prometheus took the exemplars', async t => {
    const range = { start: String(Date.now() / 1000 - 600), end: String(Date.now() / 1000) }
    for (const metric of ['vovnet_request_duration_seconds_bucket', 'vovnet_phase_duration_seconds_bucket']) {
      const answer = await (await fetch(`${prometheus}/api/v1/query_exemplars?${new URLSearchParams({ query: metric, ...range })}`)).json() as { data: Array<{ exemplars: Array<{ labels: Record<string, string> }> }> }
      const ids = answer.data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['trace_id']))
      t.ok(ids.length > 0 && ids.every(id => /^[0-9a-f]{32}$/.test(id ?? '')), `${metric}: ${ids.length}`)
    }
  })

  await t.test('the variables have their values', async t => {
    const values = async (name: string, of: string): Promise<unknown> => {
      const answer = await (await fetch(`${prometheus}/api/v1/label/${name}/values?match[]=${of}`)).json() as { data: unknown }
      return answer.data
    }
    t.strictSame(dashboard.templating.list.map(({ name }) => name), ['datasource', 'job', 'instance', 'model'])
    t.strictSame(await values('job', 'vovnet_ready'), ['vovnet-serve'])
    t.strictSame(await values('instance', 'vovnet_ready'), [`127.0.0.1:${servicePort}`])
    t.strictSame(await values('model', 'vovnet_model_info'), ['vovnet19-slim-dw-cifar10'])
  })

  await t.test('every rule evaluates, every recording has data, and no page goes off', async t => {
    const answer = await (await fetch(`${prometheus}/api/v1/rules`)).json() as { data: { groups: Array<{ rules: Array<{ name: string, health: string, type: string, state?: string, labels?: Record<string, string> }> }> } }
    const rules = answer.data.groups.flatMap(({ rules }) => rules)
    t.strictSame(rules.filter(({ health }) => health !== 'ok'), [])
    for (const { name } of rules.filter(({ type }) => type === 'recording')) t.ok(hasData(await query(name)), name)
    t.strictSame(rules.filter(({ state, labels }) => state === 'firing' && labels?.['severity'] === 'page').map(({ name }) => name), [])
  })
})
