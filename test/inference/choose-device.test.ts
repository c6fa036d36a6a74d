import t from 'tap'
import { readConfig } from '../../src/config.js'
import { ServiceError } from '../../src/errors.js'
import { chooseDevice, type Trial } from '../../src/inference/choose-device.js'
import type { Device } from '../../src/inference/device.js'
import type { Machine } from '../../src/inference/gpu-presence.js'

const machine = (libraries: boolean, gpu: boolean): Machine => ({
  missingLibraries: provider => libraries ? [] : [`lib${provider}.so`],
  gpuSeen: () => gpu
})
const PLAIN = machine(false, false)
const GPU = machine(true, true)

/** Devices tried so far, and a trial that fails in the precisions given. */
function trial (failing: readonly string[] = []): { tried: Device[], run: Trial } {
  const tried: Device[] = []
  return {
    tried,
    async run (device) {
      tried.push(device)
      if (failing.includes(device.precision)) throw new ServiceError('provider_unavailable', `broken in ${device.precision}`)
    }
  }
}

async function choose (settings: Record<string, string>, machine: Machine, { run } = trial()): Promise<Device> {
  return await chooseDevice(readConfig(settings), run, machine)
}

t.test('auto without an NVIDIA library is the CPU, and no alarm where no GPU was to be expected', async t => {
  const { tried, run } = trial()
  const device = await choose({}, PLAIN, { tried, run })
  t.match(device, { provider: 'cpu', precision: 'fp32', ids: [], fallback: false, reason: /libcuda\.so/ })
  t.strictSame(tried, [], 'nothing is started to find that out')
})

t.test('auto with one that works is CUDA in half precision', async t => {
  t.match(await choose({}, GPU), { provider: 'cuda', precision: 'fp16', ids: [0] })
  t.match(await choose({ DEVICES: '1,3' }, GPU), { provider: 'cuda', ids: [1, 3] })
  t.match(await choose({ PRECISION: 'fp32' }, GPU), { provider: 'cuda', precision: 'fp32' })
})

t.test('auto with one that does not work falls back, saying why, and that is an alarm', async t => {
  const broken = trial(['fp16', 'fp32'])
  t.match(await choose({}, GPU, broken), { provider: 'cpu', precision: 'fp32', ids: [], fallback: true, reason: /broken in fp32/ })
  t.same(broken.tried.map(({ precision }) => precision), ['fp16', 'fp32'])
  t.equal((await choose({ PRECISION: 'fp16' }, GPU, trial(['fp16']))).precision, 'fp32', 'half precision was meant for the GPU')
  t.match(await choose({}, machine(false, true)), { provider: 'cpu', fallback: true }, 'a GPU is seen')
  t.match(await choose({ DEVICES: '0' }, PLAIN), { provider: 'cpu', fallback: true }, 'a GPU is asked for')
  t.match(await choose({}, machine(true, false), trial(['fp16', 'fp32'])), { provider: 'cpu', fallback: true }, 'this is an image for GPUs')
})

t.test('an error of ours in a trial is no reason to fall back', async t => {
  await t.rejects(choose({}, GPU, { tried: [], run: async () => { throw new Error('a bug') } }), /a bug/)
})

t.test('precision auto tries fp16 and takes fp32, untried where there is no other choice', async t => {
  for (const provider of ['cuda', 'tensorrt'] as const) {
    t.match(await choose({ EXECUTION_PROVIDER: provider }, GPU), { provider, precision: 'fp16' })
    const half = trial(['fp16'])
    t.match(await choose({ EXECUTION_PROVIDER: provider }, GPU, half), { provider, precision: 'fp32', reason: /broken in fp16/ })
    t.same(half.tried.map(({ precision }) => precision), ['fp16'])
    const named = trial()
    t.match(await choose({ EXECUTION_PROVIDER: provider, PRECISION: 'fp16', DEVICES: '2' }, GPU, named), { provider, precision: 'fp16', ids: [2] })
    t.same(named.tried, [], 'every instance checks it when it loads')
  }
})

t.test('a named provider whose libraries are missing fails the start', async t => {
  for (const provider of ['cuda', 'tensorrt']) {
    await t.rejects(choose({ EXECUTION_PROVIDER: provider }, machine(false, true)), { code: 'provider_unavailable', param: 'EXECUTION_PROVIDER', message: new RegExp(`${provider}.*lib${provider}\\.so`) })
  }
})

t.test('cpu and webgpu are not tried and take fp32 by themselves', async t => {
  t.match(await choose({ EXECUTION_PROVIDER: 'cpu' }, GPU), { provider: 'cpu', precision: 'fp32', ids: [] })
  t.match(await choose({ EXECUTION_PROVIDER: 'cpu', PRECISION: 'fp16' }, PLAIN), { precision: 'fp16', reason: /no faster/ })
  t.match(await choose({ EXECUTION_PROVIDER: 'webgpu' }, PLAIN), { provider: 'webgpu', precision: 'fp32', ids: [], reason: /software/ })
})

const CONTRADICTIONS: Array<[param: string, settings: Record<string, string>]> = [
  ['PRECISION', { PRECISION: 'int8' }],
  ['DEVICES', { EXECUTION_PROVIDER: 'cpu', DEVICES: '0' }],
  ['DEVICES', { EXECUTION_PROVIDER: 'webgpu', DEVICES: '0' }],
  ['INSTANCES', { EXECUTION_PROVIDER: 'webgpu', INSTANCES: '2' }],
  ['INSTANCES', { EXECUTION_PROVIDER: 'cuda', DEVICES: '0,1', INSTANCES: '1' }]
]
for (const [param, settings] of CONTRADICTIONS) {
  t.test(`${JSON.stringify(settings)} is refused`, async t => {
    await t.rejects(choose(settings, GPU), { code: 'invalid_setting', param })
  })
}
