import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { initModel } from '../../src/weights/init.js'
import { buildTestApp, DEFAULT_MODEL, picture } from '../build-test-app.js'

const REQUESTS = 2000
const SIZES = [32, 48, 64, 96]
const STAGES = ['stem', 'stage2,stage3', 'stage5', 'stage3,stage5,input']
const TINY = { stem: [8, 8, 16], stage_conv_ch: [8, 8, 16, 16], stage_out_ch: [16, 24, 32, 40], layer_per_block: 2, block_per_stage: [1, 1, 1, 2], eSE: true, dw: false }

t.test(`${REQUESTS} mixed requests: each is answered as when asked alone, refused, late, or its client is gone`, async t => {
  const dir = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  for (const seed of [1, 2]) initModel({ variant: TINY, dir, id: `tiny-${seed}`, seed })
  const app = await buildTestApp(t, { models: [DEFAULT_MODEL, join(dir, 'tiny-1'), join(dir, 'tiny-2')], instances: 2, maxBatchSize: 4, settings: { MAX_QUEUE_SIZE: '64' } })
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  const models = ['vovnet19-slim-dw-cifar10', 'tiny-1', 'tiny-2']
  const photos = [await picture(90, 70), await picture(64, 100, 'png'), await picture(120, 120, 'webp')]

  const ask = async (kind: number, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> => {
    const query = new URLSearchParams({ model: models[kind % 3]!, stages: STAGES[kind % 4]!, size: String(SIZES[Math.floor(kind / 3) % 4]!), resize: 'stretch' })
    return await fetch(`${url}/v1/features?${query}`, { method: 'POST', headers: { 'content-type': 'image/jpeg', ...headers }, body: photos[Math.floor(kind / 12) % 3]!, ...signal === undefined ? {} : { signal } })
  }
  const alone = new Map<number, string>()
  for (let kind = 0; kind < 36; kind++) {
    const response = await ask(kind)
    t.equal(response.status, 200)
    alone.set(kind, await response.text())
  }

  const ends: Record<string, number> = {}
  const count = (end: string): void => { ends[end] = (ends[end] ?? 0) + 1 }
  let next = 0
  const wrong: number[] = []
  await Promise.all(Array.from({ length: 48 }, async () => {
    for (let request = next++; request < REQUESTS; request = next++) {
      const kind = request * 7 % 36
      // every 10th hangs up soon, every 7th has little time, priorities vary
      const signal = request % 10 === 0 ? AbortSignal.timeout(request % 30) : undefined
      try {
        const response = await ask(kind, { 'x-request-priority': String(1 + request % 3), ...request % 7 === 0 ? { 'x-request-timeout-ms': '15' } : {} }, signal)
        const text = await response.text()
        count(String(response.status))
        if (response.status === 200 && text !== alone.get(kind)) wrong.push(request)
      } catch (error) {
        if (signal?.aborted !== true) throw error
        count('hung up')
      }
    }
  }))
  t.strictSame(wrong, [], 'every answer equals its single-request answer')
  t.equal(Object.values(ends).reduce((sum, number) => sum + number), REQUESTS, JSON.stringify(ends))
  t.strictSame(Object.keys(ends).filter(end => !['200', '408', '429', '504', 'hung up'].includes(end)), [])
  t.ok(ends['200']! > REQUESTS / 4, JSON.stringify(ends))

  // Nothing is left behind: what came in was counted out.
  for (let tries = 0; tries < 100 && !/^vovnet_inflight_requests 0$/m.test((await app.http.inject('/metrics')).body); tries++) await new Promise(resolve => setTimeout(resolve, 50))
  const { body } = await app.http.inject('/metrics')
  const sum = (metric: RegExp): number => [...body.matchAll(metric)].reduce((total, match) => total + Number(match[1]), 0)
  t.equal(sum(/^vovnet_image_bytes_count (\d+)$/gm), sum(/^vovnet_images_total\{.*\} (\d+)$/gm), 'images in = images out')
  t.equal(sum(/^vovnet_queue_depth\{.*\} (\d+)$/gm), 0)
})
