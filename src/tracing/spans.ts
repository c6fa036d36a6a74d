import { ROOT_CONTEXT, trace, type Context, type Tracer } from '@opentelemetry/api'

/** A run as its span tells of it. */
export interface TracedRun {
  readonly model: string
  readonly depth: string
  readonly batchSize: number
  readonly inferMs: number
  /** Of the images in it. */
  readonly traces: readonly Context[]
}

/** Spans of what was measured anyway: each is made when its phase has ended. Without a tracer nothing is. */
export class InferenceSpans {
  readonly #tracer: Tracer | undefined

  constructor (tracer: Tracer | undefined) {
    this.#tracer = tracer
  }

  /** A phase of an image or an answer, in its request's trace. @param endedMs how long ago it ended */
  phase (context: Context, name: string, milliseconds: number, endedMs = 0): void {
    if (this.#tracer === undefined || trace.getSpan(context) === undefined) return
    const endTime = performance.now() - endedMs
    this.#tracer.startSpan(name, { startTime: endTime - milliseconds }, context).end(endTime)
  }

  /** A run belongs to no single request: a trace of its own, linked to all of them. */
  run ({ model, depth, batchSize, inferMs, traces }: TracedRun): void {
    const requests = traces.flatMap(context => trace.getSpanContext(context) ?? [])
    if (this.#tracer === undefined || requests.length === 0) return
    const endTime = performance.now()
    const unique = [...new Map(requests.map(context => [context.spanId, context])).values()]
    this.#tracer.startSpan('batch', {
      root: true,
      startTime: endTime - inferMs,
      links: unique.map(context => ({ context })),
      attributes: { 'vovnet.model': model, 'vovnet.depth': depth, 'vovnet.batch_size': batchSize }
    }, ROOT_CONTEXT).end(endTime)
  }
}

/**
 * The labels of an exemplar, `trace_id` and `span_id`; none where the request is not traced, or its trace not kept. An `object`
 * because prom-client's types take them for the metric's own labels.
 */
export function exemplarOf (context: Context): object {
  const span = trace.getSpanContext(context)
  return span === undefined || (span.traceFlags & 1) === 0 ? {} : { trace_id: span.traceId, span_id: span.spanId }
}
