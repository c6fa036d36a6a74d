import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../src/config.js'
import { readApiKeys } from '../../src/http/api-keys.js'
import { buildTestApp, picture } from '../build-test-app.js'

t.test('with keys set nobody is let in without one; probes and scrapes are', async t => {
  const { http } = await buildTestApp(t, { settings: { API_KEYS: 'sk-one, sk-two' } })
  const payload = await picture(64, 48)
  const ask = async (authorization?: string): Promise<{ statusCode: number, code?: string, challenge?: unknown }> => {
    const answer = await http.inject({ method: 'POST', url: '/v1/embeddings', headers: { 'content-type': 'image/jpeg', ...authorization === undefined ? {} : { authorization } }, payload })
    return { statusCode: answer.statusCode, code: answer.json().error?.code, challenge: answer.headers['www-authenticate'] }
  }
  t.match(await ask('Bearer sk-one'), { statusCode: 200 })
  t.match(await ask('bearer sk-two'), { statusCode: 200 })
  for (const wrong of [undefined, '', 'sk-one', 'Bearer', 'Bearer sk-on', 'Bearer sk-one,', 'Bearer sk-one sk-two', 'Basic sk-one', 'Bearer sk-one, sk-two']) {
    t.strictSame(await ask(wrong), { statusCode: 401, code: 'unauthorized', challenge: 'Bearer' }, String(wrong))
  }
  const refused = await http.inject('/v1/models')
  t.equal(refused.statusCode, 401)
  t.match(refused.json(), { error: { type: 'authentication_error', param: 'authorization' } })
  t.notMatch(refused.body, 'sk-')
  t.equal((await http.inject({ url: '/v1/models/vovnet19-slim-dw-cifar10' })).statusCode, 401)
  t.equal((await http.inject({ url: '/v1/models', headers: { authorization: 'Bearer sk-one' } })).statusCode, 200)
  for (const open of ['/health/live', '/health/ready', '/metrics']) t.equal((await http.inject(open)).statusCode, 200, open)
  t.match((await http.inject('/metrics')).body, /vovnet_rejections_total\{reason="unauthorized"\} 9\n/)
})

t.test('keys from a file are let in beside the others; a file without keys is refused', async t => {
  const folder = t.testdir({ keys: 'sk-a\n\n  sk-b \r\n', empty: '\n \n' })
  const keys = readApiKeys(readConfig({ API_KEYS: 'sk-c', API_KEYS_FILE: join(folder, 'keys') }))
  for (const key of ['sk-a', 'sk-b', 'sk-c']) t.doesNotThrow(() => keys.require(`Bearer ${key}`), key)
  t.throws(() => keys.require('Bearer sk-d'), { code: 'unauthorized', status: 401 })
  t.throws(() => readApiKeys(readConfig({ API_KEYS_FILE: join(folder, 'empty') })), { code: 'invalid_setting', param: 'API_KEYS_FILE' })
  t.throws(() => readApiKeys(readConfig({ API_KEYS_FILE: join(folder, 'none') })), { code: 'invalid_setting', message: /ENOENT/ })
  writeFileSync(join(folder, 'keys'), 'sk-z')
  t.doesNotThrow(() => readApiKeys(readConfig({})).require(undefined), 'without keys everybody is let in')
})
