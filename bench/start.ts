/**
 * From the command to readiness: the first start, which measures what is `auto`, and those that know its plan. In the folder of
 * a copy, so that the plan beside the weights stays as it is. `node build/bench/start.js [starts]`
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startService } from './served.js'

const [starts = '5'] = process.argv.slice(2)

async function readyMs (weights: string): Promise<number> {
  const started = performance.now()
  const service = await startService({ WEIGHTS_DIR: weights })
  const taken = performance.now() - started
  await service.stop()
  return taken
}

const first: number[] = []
const later: number[] = []
for (let start = 0; start < Number(starts); start++) {
  const weights = mkdtempSync(join(tmpdir(), 'vovnet-start-'))
  cpSync('weights', weights, { recursive: true, filter: file => !file.endsWith('.vovnet-plan.json') })
  first.push(await readyMs(weights))
  later.push(await readyMs(weights))
  rmSync(weights, { recursive: true })
}
const list = (times: number[]): string => times.map(ms => (ms / 1000).toFixed(2)).join(', ')
console.log(`first start, measuring included: ${list(first)} s; with the plan kept: ${list(later)} s`)
