/**
 * Writes components/monitoring/prometheusrule.yaml from the rules that promtool tests: `node deploy/kubernetes/write-prometheus-rule.js`.
 * A test holds the two equal.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const HEAD = `# Written by deploy/kubernetes/write-prometheus-rule.js from deploy/prometheus/rules: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vovnet-serve
spec:
  groups:
`

/** The groups of a rules file as they stand under \`spec.groups\`. */
function groups (file) {
  const text = readFileSync(new URL(`../prometheus/rules/${file}`, import.meta.url), 'utf8')
  return text.split('\ngroups:\n')[1].split('\n').map(line => line === '' ? '' : `  ${line}`).join('\n')
}

writeFileSync(new URL('components/monitoring/prometheusrule.yaml', import.meta.url), HEAD + groups('recording.yml') + groups('alerts.yml'))
