import t from 'tap'
import { buildTestApp, picture } from '../build-test-app.js'

const SECONDS = 6
const LIMIT = 24

/** What the service says it took, all phases together; the client's own queueing on the same cores is not the service's. */
function inService (timing: string): number {
  return [...timing.matchAll(/dur=([\d.]+)/g)].reduce((sum, match) => sum + Number(match[1]), 0)
}

t.test('ten times what the service can do: it goes on answering, refuses the rest at once, and nobody waits for long', async t => {
  const app = await buildTestApp(t, { instances: 2, settings: { MAX_QUEUE_SIZE: String(LIMIT) } })
  const url = await app.http.listen({ host: '127.0.0.1', port: 0 })
  const body = await picture(300, 200)
  const ask = async (): Promise<{ status: number, retryAfter: string | null, ms: number }> => {
    const response = await fetch(`${url}/v1/embeddings?size=128`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body })
    await response.arrayBuffer()
    return { status: response.status, retryAfter: response.headers.get('retry-after'), ms: inService(response.headers.get('server-timing') ?? '') }
  }
  const during = async (seconds: number, clients: number, pauseMs: number): Promise<Array<Awaited<ReturnType<typeof ask>>>> => {
    const until = performance.now() + seconds * 1000
    const lanes = Array.from({ length: clients }, async () => {
      const answers = []
      while (performance.now() < until) {
        const answer = await ask()
        answers.push(answer)
        if (answer.status !== 200) await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
      return answers
    })
    return (await Promise.all(lanes)).flat()
  }
  const p99 = (times: number[]): number => times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!

  await during(1, 8, 0)
  const peak = (await during(3, 8, 0)).filter(({ status }) => status === 200).length / 3
  const answers = await during(SECONDS, 10 * LIMIT, 100)
  const served = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status === 429)
  t.equal(served.length + refused.length, answers.length, 'nothing but 200 and 429')
  t.ok(refused.length > served.length, `${refused.length} refused, ${served.length} served`)
  t.ok(refused.every(({ retryAfter }) => Number(retryAfter) >= 1), 'each refusal says when to come again')
  const goodput = served.length / SECONDS
  // The client runs on the same two cores as the service and pays for every refusal: bench/load.ts keeps it apart.
  t.ok(goodput > 0.15 * peak, `goodput ${goodput.toFixed(0)}/s of a peak of ${peak.toFixed(0)}/s`)
  const bound = LIMIT / goodput * 1000
  const worst = p99(served.map(({ ms }) => ms))
  t.ok(worst < 5 * bound, `p99 ${worst.toFixed(0)} ms, a full queue takes ${bound.toFixed(0)} ms`)
  const after = await Promise.all(Array.from({ length: 4 }, ask))
  t.strictSame(after.map(({ status }) => status), [200, 200, 200, 200], 'and afterwards all is as before')
})
