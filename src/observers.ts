import type { Context, Tracer } from '@opentelemetry/api'
import type { AnswerObserver } from './http/routes/inference-parts.js'
import type { CacheObserver } from './inference/cache/result-cache.js'
import type { EngineObserver } from './inference/engine-options.js'
import type { ExtractObserver } from './inference/extract.js'
import type { ReloadObserver } from './inference/reloader.js'
import { exemplarOf, InferenceSpans } from './tracing/spans.js'
import type { Metrics, Phase } from './metrics.js'

interface Log { error: (details: object, message: string) => void, info: (details: object, message: string) => void }

/** What inference tells, as metrics, spans and lines in the log. */
export function observers ({ metrics, tracer, log, onHung }: { metrics: Metrics, tracer: Tracer | undefined, log: Log, onHung: () => void }): EngineObserver & ExtractObserver & AnswerObserver & ReloadObserver & CacheObserver {
  const spans = new InferenceSpans(tracer)
  const phase = (model: string, trace: Context, phase: Phase, milliseconds: number, endedMs = 0): void => {
    metrics.phaseDuration.observe({ labels: { model, phase }, value: milliseconds / 1000, exemplarLabels: exemplarOf(trace) })
    spans.phase(trace, phase, milliseconds, endedMs)
  }
  return {
    runEnded (run) {
      const { model, depth, batchSize } = run
      spans.run(run)
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
    imageDecoded ({ model, trace, decodeMs, pixels }) {
      phase(model, trace, 'decode', decodeMs)
      metrics.imagePixels.observe(pixels)
    },
    imageInferred ({ model, trace, queueMs, inferMs }) {
      phase(model, trace, 'queue', queueMs, inferMs)
      phase(model, trace, 'infer', inferMs)
    },
    answerEncoded ({ model, trace, encodeMs }) {
      phase(model, trace, 'encode', encodeMs)
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
