import type { CacheObserver } from './inference/cache/result-cache.js'
import type { EngineObserver } from './inference/engine-options.js'
import type { ExtractObserver } from './inference/extract.js'
import type { ReloadObserver } from './inference/reloader.js'
import type { Metrics } from './metrics.js'

interface Log { error: (details: object, message: string) => void, info: (details: object, message: string) => void }

/** What inference tells, as metrics. */
export function observers (metrics: Metrics, log: Log, onHung: () => void): EngineObserver & ExtractObserver & ReloadObserver & CacheObserver {
  const phase = (model: string, phase: string, milliseconds: number): void => metrics.phaseDuration.observe({ model, phase }, milliseconds / 1000)
  return {
    runEnded ({ model, depth, batchSize }) {
      metrics.batchSize.observe({ model }, batchSize)
      metrics.batches.inc({ model, depth })
    },
    trouble (event, details) {
      metrics.engineEvents.inc({ event })
      log.error({ event, ...details }, 'inference trouble')
      if (event === 'run_hung') onHung()
    },
    reloaded (change) {
      metrics.reloads.inc({ outcome: change.outcome })
      if (change.outcome === 'failed') log.error(change, 'reload failed, what was served goes on')
      else log.info(change, 'reloaded')
    },
    imageReceived ({ bytes }) {
      metrics.imageBytes.observe(bytes)
    },
    imageDecoded ({ model, decodeMs, pixels }) {
      phase(model, 'decode', decodeMs)
      metrics.imagePixels.observe(pixels)
    },
    imageInferred ({ model, queueMs, inferMs }) {
      phase(model, 'queue', queueMs)
      phase(model, 'infer', inferMs)
    },
    imageEnded ({ model, outcome }) {
      metrics.images.inc({ model, outcome })
    },
    cacheHit () {
      metrics.cacheHits.inc()
    },
    cacheMiss () {
      metrics.cacheMisses.inc()
    }
  }
}
