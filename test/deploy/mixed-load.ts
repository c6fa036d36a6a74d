import { form, picture } from '../build-test-app.js'

/**
 * Some of everything clients do, right and wrong, until `stop`: every route and answer type, several images, damaged and unknown
 * things, impatient clients, clients that hang up, and now and then more at once than the service takes in.
 */
export async function mixedLoad (url: string, stop: AbortSignal): Promise<void> {
  const jpeg = { 'content-type': 'image/jpeg' }
  const photo = await picture(320, 240)
  const large = await picture(1600, 1200)
  const several = form([{ name: 'a', value: photo }, { name: 'b', value: await picture(200, 300, 'png') }])
  const post = async (path: string, init: { headers?: Record<string, string>, body?: Buffer | string, signal?: AbortSignal } = {}): Promise<void> => {
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers: { ...jpeg, ...init.headers }, body: init.body ?? photo, signal: init.signal ?? null })
    await answer.arrayBuffer()
  }
  const round: Array<() => Promise<void>> = [
    async () => await post('/v1/embeddings'),
    async () => await post('/v1/features?stages=stage2'),
    async () => await post('/v1/features?stages=stage3', { headers: { accept: 'application/x-npy' } }),
    async () => await post('/v1/features', { headers: several.headers, body: several.payload }),
    async () => await post('/v1/features?model=unknown'),
    async () => await post('/v1/features?stages=stage9'),
    async () => await post('/v1/embeddings', { body: 'no image' }),
    async () => await post('/v1/embeddings', { body: photo.subarray(0, 900) }),
    async () => await post('/v1/embeddings', { body: large, headers: { 'x-request-timeout-ms': '2' } }),
    async () => await post('/v1/embeddings', { body: large, signal: AbortSignal.timeout(15) }),
    async () => { await Promise.all(Array.from({ length: 24 }, async () => await post('/v1/embeddings'))) },
    async () => { await (await fetch(`${url}/v1/models`)).arrayBuffer() },
    async () => { await (await fetch(`${url}/elsewhere`)).arrayBuffer() }
  ]
  while (!stop.aborted) {
    for (const one of round) await one().catch((error: Error) => { if (error.name !== 'TimeoutError') throw error })
  }
}
