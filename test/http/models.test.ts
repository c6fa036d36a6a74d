import t from 'tap'
import { buildTestApp } from '../build-test-app.js'

t.test('the list and a model\'s card', async t => {
  const { http } = await buildTestApp(t)
  const { object, data } = (await http.inject('/v1/models')).json()
  t.equal(object, 'list')
  const expected = {
    id: 'vovnet19-slim-dw-cifar10',
    object: 'model',
    default: true,
    variant: 'V-19-slim-dw-eSE',
    dialect: 'timm-b',
    file: 'model.safetensors',
    sha256: '797780a2892712bda9f0d37174f6f4c3f06c2b7c7b3455336faf4a9fb4b138cc',
    parameters: 1_389_882, // 1,384,752 and the head's 512 x 10 + 10
    provider: 'cpu',
    precision: 'fp32',
    plan: { instances: 1, threadsPerInstance: 1, maxBatchSize: 1 },
    outputs: [
      { name: 'stem', channels: 64, stride: 4 },
      { name: 'stage2', channels: 112, stride: 4 },
      { name: 'stage3', channels: 256, stride: 8 },
      { name: 'stage4', channels: 384, stride: 16 },
      { name: 'stage5', channels: 512, stride: 32, minimum_side: 29 }
    ]
  }
  t.match(data, [expected])
  t.match((await http.inject('/v1/models/vovnet19-slim-dw-cifar10')).json(), expected)
  const missing = await http.inject('/v1/models/timm/none')
  t.equal(missing.statusCode, 404)
  t.match(missing.json(), { error: { code: 'model_not_found', param: 'model' } })
})
