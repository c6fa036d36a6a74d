import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { picture } from '../build-test-app.js'
import { answers, freePort, missing, program, scratch, start, startService } from './processes.js'

t.setTimeout(110_000)

/** nginx with the repository's file; only the ports are the test's. */
async function startBalancer (t: Test, replicas: readonly number[]): Promise<string> {
  const folder = scratch(t)
  const port = await freePort()
  const site = readFileSync('deploy/nginx/vovnet-serve.conf', 'utf8').replace('listen 8080', `listen 127.0.0.1:${port}`).replaceAll(/127\.0\.0\.1:808([123])/g, (_, index) => `127.0.0.1:${replicas[Number(index) - 1]}`)
  writeFileSync(join(folder, 'vovnet-serve.conf'), site)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join(' ')
  writeFileSync(join(folder, 'nginx.conf'), `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit; events {} http { access_log off; ${temporary} include ${folder}/vovnet-serve.conf; }`)
  const { child, said } = start(t, program('nginx')!, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'])
  await answers(`http://127.0.0.1:${port}/health/ready`, () => child.exitCode === null ? undefined : said())
  return `http://127.0.0.1:${port}`
}

t.test('three replicas behind nginx, restarted one by one under load: no request fails', { skip: missing('nginx') }, async t => {
  const settings = { INSTANCES: '1', THREADS_PER_INSTANCE: '1', MAX_BATCH_SIZE: '1', DECODE_THREADS: '1', DRAIN_DELAY_MS: '300' }
  const ports = [await freePort(), await freePort(), await freePort()]
  const replicas = await Promise.all(ports.map(async port => await startService(t, port, settings)))
  const url = await startBalancer(t, ports)

  const body = await picture(200, 150)
  const failures: string[] = []
  let done = 0
  const stop = new AbortController()
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const outcome = await fetch(`${url}/v1/embeddings`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })
        .then(async answer => { const text = await answer.text(); return answer.status === 200 ? '' : `${answer.status} ${text}` }, (error: Error) => String(error.cause ?? error))
      done++
      if (outcome !== '') failures.push(outcome)
    }
  }
  const clients = Array.from({ length: 4 }, client)
  t.teardown(async () => { stop.abort(); await Promise.all(clients) })

  for (const [index, port] of ports.entries()) {
    const before = done
    replicas[index]!.kill('SIGTERM')
    t.strictSame(await once(replicas[index]!, 'exit'), [0, null], `replica ${index + 1} ends by itself`)
    t.ok(done > before, 'the others answer meanwhile')
    await startService(t, port, settings)
  }
  // The last one back must be asked again too, once its failures are forgiven.
  const served = async (port: number): Promise<boolean> => /vovnet_requests_total\{route="\/v1\/embeddings",[^}]*code="200"\} \d/.test(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  for (const port of ports) {
    for (let tries = 0; tries < 100 && !await served(port); tries++) await new Promise(resolve => setTimeout(resolve, 100))
    t.ok(await served(port), 'a restarted replica takes its share again')
  }
  stop.abort()
  await Promise.all(clients)
  t.strictSame(failures, [], `none of ${done} requests failed`)
})
