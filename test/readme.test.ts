import { readFileSync } from 'node:fs'
import t from 'tap'
import { SETTINGS } from '../src/config.js'
import { ERRORS } from '../src/errors.js'
import { Metrics } from '../src/metrics.js'

const readme = readFileSync('README.md', 'utf8')

/** The rows of a section's first table, without its header, cells trimmed. */
function table (section: string): string[][] {
  const text = readme.split(`\n## ${section}\n`)[1]!.split('\n## ')[0]!
  return text.split('\n').filter(line => line.startsWith('|')).slice(2).map(line => line.split('|').slice(1, -1).map(cell => cell.trim()))
}

t.test('the table of settings is the settings', async t => {
  const rows = Object.entries(SETTINGS).map(([name, { fallback, about }]) => [`\`${name}\``, fallback === '' ? '' : `\`${fallback}\``, about])
  t.strictSame(table('Settings'), rows)
})

t.test('the table of metrics is the metrics', async t => {
  const metrics = new Metrics({ ready: () => false, fallback: false, admission: () => ({ inside: { images: 0, bytes: 0 }, limits: { images: 1, bytes: 1 } }), models: () => [] })
  t.teardown(() => metrics.close())
  const known = metrics.registry.getMetricsAsArray() as unknown as Array<{ name: string, help: string, labelNames: string[] }>
  const rows = known.filter(({ name }) => name.startsWith('vovnet_')).map(({ name, help, labelNames }) => [`\`${name}\``, labelNames.map(label => `\`${label}\``).join(', '), help])
  t.strictSame(table('Metrics'), rows)
})

t.test('the table of status codes is the errors', async t => {
  const startOnly = ['invalid_setting', 'checkpoint_unreadable', 'checkpoint_unrecognised', 'checkpoint_mismatch', 'weights_folder', 'provider_unavailable', 'hub_unauthorized', 'hub_not_found', 'hub_unavailable', 'hub_corrupt']
  const listed = table('Status codes').flatMap(([status, codes]) => [...codes!.matchAll(/`(\w+)`/g)].map(match => `${status} ${match[1]}`)).sort()
  t.strictSame(listed, Object.entries(ERRORS).filter(([code]) => !startOnly.includes(code)).map(([code, status]) => `${status} ${code}`).sort())
})
