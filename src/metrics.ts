import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type OpenMetricsContentType } from 'prom-client'
import type { ErrorCode } from './errors.js'

/** From 1 ms to 30 s, about 2x apart: histograms of the same buckets add up across pods. */
const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]
const BYTES = [2 ** 10, 2 ** 12, 2 ** 14, 2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26, 2 ** 28]
const PIXELS = [1e3, 1e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8]
/** How often the event loop is asked whether it is on time, milliseconds; what it is late beyond that is the lag. */
const LAG_RESOLUTION = 5
const BATCH = [1, 2, 4, 8, 16, 32, 64, 128, 256]

export const PHASES = ['decode', 'queue', 'infer', 'encode'] as const
export type Phase = typeof PHASES[number]

/** What can happen to an instance that an operator should know of. */
export const ENGINE_EVENTS = ['instance_replaced', 'instance_lost', 'batch_halved', 'run_hung'] as const
/** Why a service with too much to do refuses. */
const OVERLOAD: readonly ErrorCode[] = ['queue_full', 'deadline_unreachable', 'deadline_exceeded', 'not_ready']

/** A model as it is when Prometheus scrapes. */
export interface LiveModel {
  readonly id: string
  readonly info: Record<'model' | 'variant' | 'dialect' | 'precision' | 'provider' | 'sha256', string>
  readonly queueDepth: number
  readonly batchLimit: number
  /** Nodes of its graph by the provider that ran them; empty where that is not known. */
  readonly nodes: Readonly<Record<string, number>>
  /** How far the device is from float32 on the CPU, a part of an output's largest value; undefined where that is what runs. */
  readonly difference: number | undefined
  readonly instances: Readonly<Record<string, number>>
}

/** Images and their encoded bytes. */
export interface Amount {
  readonly images: number
  readonly bytes: number
}

export interface LiveState {
  /** Whether the service takes work. */
  ready (): boolean
  /** Whether the CPU is used although a GPU was asked for or seen. */
  readonly fallback: boolean
  /** What is in the service, and the most it takes in. */
  admission (): { readonly inside: Amount, readonly limits: Amount }
  /** The models that can be run now. */
  models (): LiveModel[]
}

function openMetrics (): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  return registry
}

/** Every metric of the service, in a registry of its own. Names, labels and units are a contract: see the README. */
export class Metrics {
  /** Of OpenMetrics, for only there prom-client takes exemplars. */
  readonly registry = openMetrics()
  readonly #common = { registers: [this.registry] }
  #lastScrape: Promise<unknown> = Promise.resolve()

  readonly requests = new Counter({ ...this.#common, name: 'vovnet_requests_total', help: 'Requests by their answer; 499 had none, for the client hung up', labelNames: ['route', 'model', 'code'] as const })
  readonly requestDuration = new Histogram({ ...this.#common, name: 'vovnet_request_duration_seconds', help: 'Time from a request\'s first byte to its answer\'s last', labelNames: ['route', 'model'] as const, buckets: SECONDS, enableExemplars: true })
  readonly phaseDuration = new Histogram({ ...this.#common, name: 'vovnet_phase_duration_seconds', help: 'Time of one image in a phase (encode: of one answer)', labelNames: ['model', 'phase'] as const, buckets: SECONDS, enableExemplars: true })
  readonly images = new Counter({ ...this.#common, name: 'vovnet_images_total', help: 'Images by outcome', labelNames: ['model', 'outcome'] as const })
  readonly rejections = new Counter({ ...this.#common, name: 'vovnet_rejections_total', help: 'Requests refused, by error code', labelNames: ['reason'] as const })
  readonly cancellations = new Counter({ ...this.#common, name: 'vovnet_cancellations_total', help: 'Requests given up, by the phase they were in', labelNames: ['phase'] as const })
  readonly batchSize = new Histogram({ ...this.#common, name: 'vovnet_batch_size', help: 'Images in a run', labelNames: ['model'] as const, buckets: BATCH })
  readonly batches = new Counter({ ...this.#common, name: 'vovnet_batches_total', help: 'Runs by the depth of their graph', labelNames: ['model', 'depth'] as const })
  readonly engineEvents = new Counter({ ...this.#common, name: 'vovnet_engine_events_total', help: 'Threads replaced or lost, batches halved for memory, runs that hung', labelNames: ['event'] as const })
  readonly reloads = new Counter({ ...this.#common, name: 'vovnet_reloads_total', help: 'Models loaded, unloaded or failed to load while serving', labelNames: ['outcome'] as const })
  readonly inflight = new Gauge({ ...this.#common, name: 'vovnet_inflight_requests', help: 'Inference requests being worked on' })
  readonly imageBytes = new Histogram({ ...this.#common, name: 'vovnet_image_bytes', help: 'Size of the encoded images received', buckets: BYTES })
  readonly imagePixels = new Histogram({ ...this.#common, name: 'vovnet_image_pixels', help: 'Pixels of the images decoded', buckets: PIXELS })
  readonly responseBytes = new Histogram({ ...this.#common, name: 'vovnet_response_bytes', help: 'Size of the answers', labelNames: ['route'] as const, buckets: BYTES })
  readonly cacheHits = new Counter({ ...this.#common, name: 'vovnet_cache_hits_total', help: 'Images answered without a run of their own' })
  readonly cacheMisses = new Counter({ ...this.#common, name: 'vovnet_cache_misses_total', help: 'Images run because the cache had no result' })

  readonly #loopDelay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION })

  constructor (state: LiveState) {
    collectDefaultMetrics({ register: this.registry })
    // Gauges with a counter's name, and no more than the sums of those without it.
    for (const kind of ['handles', 'requests', 'resources']) this.registry.removeSingleMetric(`nodejs_active_${kind}_total`)
    this.#loopDelay.enable()
    // To Prometheus a counter that appears with its first event has always been 1: nothing would seem to have happened.
    for (const event of ENGINE_EVENTS) this.engineEvents.inc({ event }, 0)
    for (const reason of OVERLOAD) this.rejections.inc({ reason }, 0)
    for (const phase of PHASES) this.cancellations.inc({ phase }, 0)
    for (const outcome of ['loaded', 'unloaded', 'failed']) this.reloads.inc({ outcome }, 0)
    const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[], fill: (gauge: Gauge<Label>) => void): void => {
      const live: Gauge<Label> = new Gauge<Label>({ ...this.#common, name, help, labelNames, collect: () => { live.reset(); fill(live) } })
    }
    gauge('vovnet_ready', '1 while the service takes work, 0 while it starts or shuts down', [], live => live.set(state.ready() ? 1 : 0))
    for (const unit of ['images', 'bytes'] as const) {
      gauge(`vovnet_admitted_${unit}`, `Encoded ${unit} in the service, from their arrival to their answer`, [], live => live.set(state.admission().inside[unit]))
      gauge(`vovnet_admitted_${unit}_limit`, `Encoded ${unit} in the service at the most; over it 429`, [], live => live.set(state.admission().limits[unit]))
    }
    gauge('vovnet_queue_depth', 'Images waiting for an instance', ['model'], live => {
      for (const { id, queueDepth } of state.models()) live.set({ model: id }, queueDepth)
    })
    gauge('vovnet_batch_limit', 'Images a run may hold, less than planned after a device ran out of memory', ['model'], live => {
      for (const { id, batchLimit } of state.models()) live.set({ model: id }, batchLimit)
    })
    gauge('vovnet_instances', 'Inference instances by state', ['model', 'state'], live => {
      for (const { id, instances } of state.models()) for (const [name, count] of Object.entries(instances)) live.set({ model: id, state: name }, count)
    })
    gauge('vovnet_model_info', 'Always 1; the labels tell what is served', ['model', 'variant', 'dialect', 'precision', 'provider', 'sha256'], live => {
      for (const { info } of state.models()) live.set(info, 1)
    })
    gauge('vovnet_graph_nodes', 'Nodes of the model\'s graph by the provider of ONNX Runtime that runs them', ['model', 'provider'], live => {
      for (const { id, nodes } of state.models()) for (const [provider, count] of Object.entries(nodes)) live.set({ model: id, provider }, count)
    })
    gauge('vovnet_golden_difference', 'How far the device is from float32 on the CPU, as a part of an output\'s largest value; absent where that is what runs', ['model'], live => {
      for (const { id, difference } of state.models()) if (difference !== undefined) live.set({ model: id }, difference)
    })
    gauge('vovnet_provider_fallback', '1 when the CPU is used although a GPU was asked for or seen', [], live => live.set(state.fallback ? 1 : 0))
    gauge('vovnet_event_loop_lag_seconds', 'Longest time since the last scrape for which the event loop stood still', [], live => {
      live.set(Math.max(0, this.#loopDelay.max / 1e9 - LAG_RESOLUTION / 1e3))
      this.#loopDelay.reset()
    })
  }

  /** All of it, in OpenMetrics with exemplars or in Prometheus' own text. */
  async expose ({ openMetrics }: { openMetrics: boolean }): Promise<{ type: string, body: string }> {
    const type = openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE
    // The format is the registry's, not the call's: one scrape after the other.
    const body = this.#lastScrape.then(async () => await this.#write(type))
    this.#lastScrape = body.catch(() => {})
    return { type, body: await body }
  }

  async #write (type: string): Promise<string> {
    // prom-client 15 takes `_total` off the counters' own names for OpenMetrics and never puts it back.
    const names = new Map((this.registry.getMetricsAsArray() as unknown as Array<{ name: string }>).map(metric => [metric, metric.name]))
    this.registry.setContentType(type as OpenMetricsContentType) // its types know registries of one format only
    try {
      return await this.registry.metrics()
    } finally {
      for (const [metric, name] of names) metric.name = name
    }
  }

  /** Ends what watches the process. */
  close (): void {
    this.#loopDelay.disable()
  }
}
