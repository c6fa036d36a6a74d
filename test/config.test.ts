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

t.test('lists of numbers and of sizes', async t => {
  t.strictSame(readConfig({}).DEVICES, [])
  t.strictSame(readConfig({ DEVICES: '0, 3' }).DEVICES, [0, 3])
  t.strictSame(readConfig({ WARM_SIZES: '224,640x480' }).WARM_SIZES, [{ width: 224, height: 224 }, { width: 640, height: 480 }])
  for (const [name, value] of [['DEVICES', '0,a'], ['DEVICES', '1,1'], ['DEVICES', '-1'], ['WARM_SIZES', '224x'], ['WARM_SIZES', '0x9'], ['WARM_SIZES', '1x2x3'], ['WARM_SIZES', '224,224']] as const) {
    t.throws(() => readConfig({ [name]: value }), { code: 'invalid_setting', param: name }, `${name}=${value}`)
  }
})
