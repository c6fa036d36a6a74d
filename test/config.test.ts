import t from 'tap'
import { SETTINGS, readConfig } from '../src/config.js'

t.test('defaults hold where nothing is set, and an empty variable is nothing', async t => {
  const config = readConfig({ PORT: '' })
  t.equal(config.PORT, 8080)
  t.equal(config.INSTANCES, 'auto')
  t.strictSame(config.MODELS, [])
  t.equal(Object.keys(config).length, Object.keys(SETTINGS).length)
})

t.test('a flag wins over the environment', async t => {
  const config = readConfig({ PORT: '1', MODELS: 'a, b' }, ['--port', '2', '--max-batch-size=4'])
  t.equal(config.PORT, 2)
  t.equal(config.MAX_BATCH_SIZE, 4)
  t.strictSame(config.MODELS, ['a', 'b'])
})

for (const [name, value] of [['PORT', '65536'], ['PORT', '-1'], ['PORT', '8e3'], ['INSTANCES', '0'], ['INSTANCES', 'many'], ['EXECUTION_PROVIDER', 'tpu'], ['MAX_IMAGE_BYTES', ' 5']] as const) {
  t.test(`${name}=${value} is refused by name`, async t => {
    t.throws(() => readConfig({ [name]: value }), { code: 'invalid_setting', param: name, message: new RegExp(`${name} must be .*received`) })
  })
}

t.test('an unknown flag is refused', async t => {
  t.throws(() => readConfig({}, ['--prot', '1']), { code: 'invalid_setting' })
})
