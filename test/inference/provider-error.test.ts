import t from 'tap'
import { ServiceError } from '../../src/errors.js'
import { providerError } from '../../src/inference/provider-error.js'

// As ONNX Runtime 1.30 words them here; CUDA's as its headers do.
const MESSAGES: Array<[message: string, reason: RegExp]> = [
  ['OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library', /libraries do not load/],
  ['no available backend found. ERR: [coreml] backend not found.', /this build .* does not have it/],
  ['webgpu_context.cc:136 adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n', /no driver/],
  ['CUDA failure 100: no CUDA-capable device is detected ; GPU=0', /there is no GPU, or its driver/],
  ['CUDA failure 101: invalid device ordinal ; GPU=3', /no GPU of that number/],
  ['shader_helper.cc:416 Program Transpose requires f16 but the device does not support it.', /no half precision/],
  ['This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.', /cannot run every node/],
  [`something\n  new ${'x'.repeat(1000)}`, /cannot be used: something new x+$/]
]

for (const [message, reason] of MESSAGES) {
  t.test(message.slice(0, 60), async t => {
    const error = providerError({ provider: 'cuda', deviceId: 3, precision: 'fp16' }, new Error(message))
    t.match(error, { code: 'provider_unavailable', param: 'EXECUTION_PROVIDER', message: /^EXECUTION_PROVIDER cuda \(device 3\) in fp16 cannot be used: / })
    t.match(error.message, reason)
    t.ok(error.message.length < 400 && !error.message.includes('\n'), 'one short line')
  })
}

t.test('an error of ours stays', async t => {
  const ours = new ServiceError('internal', 'x')
  t.equal(providerError({ provider: 'cuda' }, ours), ours)
})
