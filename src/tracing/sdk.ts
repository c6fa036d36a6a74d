import { diag, DiagLogLevel, type Tracer } from '@opentelemetry/api'
import type { SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { FastifyPluginCallback } from 'fastify'
import { VERSION } from '../version.js'

export interface TracingOptions {
  /** Told when spans cannot be sent. */
  readonly trouble: (message: string) => void
  /** Where spans go in place of the collector. */
  readonly exporter?: SpanExporter
}

export interface Tracing {
  readonly tracer: Tracer
  /** Opens a span for every request but those of probes and scrapes, in the trace of its `traceparent`. */
  readonly plugin: FastifyPluginCallback
  /** Sends what is held back; a collector that does not answer is given up after a few seconds. */
  shutdown (): Promise<void>
}

/** What asks every few seconds and tells nothing. */
const UNTRACED = /^\/(health\/|metrics$)/

/**
 * OpenTelemetry's SDK, loaded only here: without OTEL_EXPORTER_OTLP_ENDPOINT none of it costs anything. The standard's further
 * variables (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_...) are read by the SDK.
 * @param endpoint base address of an OTLP collector over HTTP, e.g. http://collector:4318
 */
export async function startTracing (endpoint: string, { trouble, exporter }: TracingOptions): Promise<Tracing> {
  const [{ FastifyOtelInstrumentation }, { BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { defaultResource, detectResources, envDetector, resourceFromAttributes }] = await Promise.all([
    import('@fastify/otel'), import('@opentelemetry/sdk-trace-node'), import('@opentelemetry/exporter-trace-otlp-proto'), import('@opentelemetry/resources')
  ])
  const quiet = (): void => {}
  // Its warnings tell of attributes that came after a hang-up had ended the span.
  const tell = (text: string): void => trouble(reasonIn(text))
  diag.setLogger({ error: tell, warn: quiet, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.ERROR)
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'vovnet-serve', 'service.version': VERSION }))
    .merge(detectResources({ detectors: [envDetector] }))
  const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter ?? new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }))] })
  provider.register()
  const instrumentation = new FastifyOtelInstrumentation({
    // Its hooks' spans tell of this program's parts, not of the request.
    instrumentHooks: false,
    instrumentHandler: false,
    ignorePaths: ({ url }) => UNTRACED.test(url),
    requestHook: (span, { method, routeOptions }) => { span.updateName(`${method} ${routeOptions.url ?? 'unmatched'}`) }
  })
  instrumentation.setTracerProvider(provider)
  return {
    tracer: provider.getTracer('vovnet-serve', VERSION),
    plugin: instrumentation.plugin(),
    shutdown: async () => await provider.shutdown()
  }
}

/** The SDK tells of errors as JSON, stack and all. */
function reasonIn (text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text
  } catch {
    return text
  }
}
