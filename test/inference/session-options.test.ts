import t from 'tap'
import { sessionOptions } from '../../src/inference/session-options.js'
import { networkOf, TINY } from '../model/run-network.js'

const NETWORK = networkOf(TINY)

t.test('one provider alone, on its device, and nothing may fall back', async t => {
  const strict = { session: { intra_op: { allow_spinning: '0' }, disable_cpu_ep_fallback: '1' } }
  t.match(sessionOptions({ provider: 'cuda', deviceId: 2 }, NETWORK, { threads: 1 }), { executionProviders: [{ name: 'cuda', deviceId: 2 }], extra: strict })
  t.strictSame(sessionOptions({ provider: 'webgpu' }, NETWORK, { threads: 1 }).executionProviders, ['webgpu'], 'which throws on a deviceId')
  t.match(sessionOptions({ provider: 'webgpu' }, NETWORK, { threads: 1 }), { extra: strict })
  t.strictSame(sessionOptions({ provider: 'cpu' }, NETWORK, { threads: 3 }), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 3,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' }, force_spinning_stop: '1' } }
  })
  t.match(sessionOptions({ provider: 'cpu' }, NETWORK, { threads: 3, spins: true }).extra.session, { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' })
})

t.test('TensorRT has CUDA beside it, not the CPU', async t => {
  t.match(sessionOptions({ provider: 'tensorrt' }, NETWORK, { threads: 1 }), { executionProviders: [{ name: 'tensorrt', deviceId: 0 }, { name: 'cuda', deviceId: 0 }], extra: { session: { disable_cpu_ep_fallback: '1' } } })
})

t.test('a pyramid\'s sides may be computed on the CPU', async t => {
  const options = sessionOptions({ provider: 'cuda' }, { ...NETWORK, pyramid: { channels: 4, stages: [3, 4, 5] } }, { threads: 1 })
  t.notOk('disable_cpu_ep_fallback' in options.extra.session)
})

t.test('a profile goes where it is told', async t => {
  t.match(sessionOptions({ provider: 'cpu' }, NETWORK, { threads: 1, profile: '/tmp/x' }), { enableProfiling: true, profileFilePrefix: '/tmp/x' })
})
