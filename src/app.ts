import { randomUUID } from 'node:crypto'
import accepts from '@fastify/accepts'
import multipart from '@fastify/multipart'
import Fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config.js'
import { ServiceError } from './errors.js'
import { guard, readApiKeys } from './http/api-keys.js'
import { Encoder } from './http/codecs/encoder.js'
import type { ModelStatus } from './http/model-card.js'
import { answerHeadersPlugin } from './http/plugins/answer-headers.js'
import { errorBody, errorsPlugin } from './http/plugins/errors.js'
import { lifetimePlugin } from './http/plugins/lifetime.js'
import { requestLogPlugin } from './http/plugins/request-log.js'
import { requestMetricsPlugin, trackInference } from './http/plugins/request-metrics.js'
import { tracePlugin } from './http/plugins/trace.js'
import { embeddingsRoute } from './http/routes/embeddings.js'
import { featuresRoute } from './http/routes/features.js'
import { healthRoutes } from './http/routes/health.js'
import type { InferenceParts } from './http/routes/inference-parts.js'
import { metricsApp, metricsRoute } from './http/routes/metrics.js'
import { modelsRoutes } from './http/routes/models.js'
import { ImageDecoder } from './image/image-decoder.js'
import { Admission } from './inference/admission.js'
import { ImageKeys } from './inference/cache/image-keys.js'
import { LoopSteps } from './inference/cache/loop-steps.js'
import { ResultCache, type CacheObserver } from './inference/cache/result-cache.js'
import { Catalog } from './inference/catalog.js'
import type { Device } from './inference/device.js'
import { Engine } from './inference/engine.js'
import { Extractor } from './inference/extract.js'
import type { RunPlan } from './inference/plan.js'
import { Reloader, type ReloaderOptions } from './inference/reloader.js'
import { Metrics, type LiveModel } from './metrics.js'
import { observers } from './observers.js'
import type { Tracing } from './tracing/sdk.js'
import { VERSION } from './version.js'
import { loadInThread } from './weights/load-in-thread.js'
import type { LoadedModel } from './weights/load.js'

export interface PlannedModel {
  readonly model: LoadedModel
  readonly plan: RunPlan
}

export interface AppOptions {
  readonly config: Config
  readonly device: Device
  readonly models: readonly PlannedModel[]
  readonly decodeThreads: number
  /** Where the models came from and how changed ones are found; without it `reload` does nothing. */
  readonly source?: Pick<ReloaderOptions, 'entries' | 'scan' | 'plan'>
  readonly tracing?: Tracing | undefined
  readonly logger?: FastifyServerOptions['logger']
  /** A run hangs in native code: the process must be replaced once it has answered what it can. */
  readonly onHung?: () => void
  /** The inference thread's file; tests lay faults over the real one. */
  readonly worker?: URL
}

export interface App {
  readonly http: FastifyInstance
  /** Where METRICS_PORT gives /metrics a listener of its own; closed with `http`. */
  readonly metricsHttp: FastifyInstance | undefined
  /** Resolves when every thread is up and every model has run once; the service is ready from then on. */
  readonly warm: () => Promise<void>
  /** Loads what changed in the weights folder, without a failed request. */
  readonly reload: () => Promise<void>
  /** From here on the service says it is not ready; what is in is still answered. */
  readonly drain: () => void
}

/** Builds the whole service from its parts; listens to nothing. `http.close()` ends every thread it started. */
export async function buildApp ({ config, device, models, source, decodeThreads, tracing, logger = false, onHung = () => {}, worker }: AppOptions): Promise<App> {
  const http = Fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }), // see request-log.ts
    genReqId: request => requestId(request.headers['x-request-id']),
    bodyLimit: config.MAX_IMAGE_BYTES,
    routerOptions: { maxParamLength: 512 },
    // A request that came in while closing is answered like any other; readiness has told the balancer long before.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => {
      reply.raw.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(errorBody(new ServiceError('invalid_parameter', error.message))))
    }
  })
  const keys = readApiKeys(config)
  const readiness = { ready: false, draining: false, hung: false }
  const catalog = new Catalog(models.map(({ model }) => model), config.DEFAULT_MODEL)
  const status = (model: LoadedModel): ModelStatus => ({ model, device, ...engine.serves(model) ? engine.planOf(model) : plannedAs(model, models) })
  const limits = { images: config.MAX_QUEUE_SIZE, bytes: config.MAX_QUEUE_BYTES }
  const metrics: Metrics = new Metrics({
    ready: () => readiness.ready,
    fallback: device.fallback === true,
    admission: () => ({ inside: admission.inside, limits }),
    models: () => catalog.list().filter(model => engine.serves(model)).map(model => liveModel(status(model), engine))
  })
  const hung = (): void => {
    readiness.ready = false
    readiness.hung = true
    onHung()
  }
  const observer = observers({ metrics, tracer: tracing?.tracer, log: http.log, onHung: hung })
  const engine = new Engine({
    settings: device,
    instances: Math.max(...models.map(({ plan }) => plan.instances)),
    maxQueueDelayMs: config.MAX_QUEUE_DELAY_MS,
    runLimitMs: config.RUN_TIMEOUT_MS,
    padsBatches: device.provider !== 'cpu',
    warmSizes: config.WARM_SIZES,
    observer,
    ...worker === undefined ? {} : { worker }
  })
  const reloader = source === undefined ? undefined : new Reloader({ ...source, catalog, engine, load: loadInThread, observer })
  const decoder = new ImageDecoder({ threads: decodeThreads, mode: config.DECODE_MODE, maxPixels: config.MAX_IMAGE_PIXELS, maxInputPixels: config.MAX_INPUT_PIXELS })
  const encoder = new Encoder()
  const admission = new Admission(limits)
  const { results, imageKeys } = cacheOf(config, device, observer)
  const parts: InferenceParts = {
    catalog,
    encoder,
    observer,
    extractor: new Extractor({ decoder, engine, admission, cache: results, observer }),
    keys: imageKeys,
    limits: { maxImages: config.MAX_IMAGES_PER_REQUEST, maxImageBytes: config.MAX_IMAGE_BYTES }
  }

  await http.register(tracePlugin, { tracing })
  await http.register(answerHeadersPlugin, { draining: () => readiness.draining })
  await http.register(requestLogPlugin)
  await http.register(errorsPlugin)
  await http.register(accepts)
  await http.register(requestMetricsPlugin, { metrics })
  await http.register(async scope => {
    guard(scope, keys)
    acceptBytes(scope, config)
    await scope.register(multipart)
    scope.addHook('onRequest', async () => {
      // What reaches a draining service before its listener closed is still answered.
      if (!readiness.ready && !readiness.draining) throw new ServiceError('not_ready', 'the service is starting or shutting down', { retryAfter: 1 })
      // First of all: in an overload this is what most requests get, and what it costs the others go without.
      admission.requireRoom()
    })
    await scope.register(lifetimePlugin, { timeoutMs: config.REQUEST_TIMEOUT_MS, metrics })
    trackInference(scope, metrics)
    featuresRoute(scope, parts)
    embeddingsRoute(scope, parts)
  })
  healthRoutes(http, readiness)
  await http.register(async scope => {
    guard(scope, keys)
    modelsRoutes(scope, catalog, status)
  })
  const metricsHttp = config.METRICS_PORT === 'same' ? undefined : metricsApp(metrics)
  if (metricsHttp === undefined) metricsRoute(http, metrics)

  http.addHook('onClose', async () => {
    readiness.ready = false
    metrics.close()
    await metricsHttp?.close()
    await reloader?.close()
    await Promise.all([decoder.close(), engine.close(), encoder.close()])
  })
  const drain = (): void => {
    readiness.ready = false
    readiness.draining = true
  }
  const warm = async (): Promise<void> => {
    await Promise.all([decoder.ready(), encoder.ready(), engine.load(models)])
    for (const { model } of models) http.log.info({ model: model.id, ...device, checks: engine.planOf(model).checks }, 'device checked')
    readiness.ready = !readiness.draining
    if (config.WATCH_INTERVAL_MS > 0) reloader?.watch(config.WATCH_INTERVAL_MS)
  }
  return { http, metricsHttp, warm, drain, reload: async () => await reloader?.reload() }
}

/** A model's plan while it is still being loaded. */
function plannedAs (model: LoadedModel, models: readonly PlannedModel[]): Pick<ModelStatus, 'plan' | 'batchLimit' | 'checks'> {
  const { plan } = models.find(planned => planned.model === model)!
  return { plan, batchLimit: plan.maxBatchSize, checks: [] }
}

/** Results kept by what they depend on, and the names for them; neither without CACHE_MB. */
function cacheOf ({ CACHE_MB, DECODE_MODE }: Config, { provider, precision }: Device, observer: CacheObserver): { results?: ResultCache, imageKeys?: ImageKeys } {
  if (CACHE_MB === 0) return {}
  const steps = new LoopSteps()
  return {
    results: new ResultCache({ maxBytes: CACHE_MB * 2 ** 20, steps, observer }),
    imageKeys: new ImageKeys({ version: VERSION, provider, precision, decodeMode: DECODE_MODE }, steps)
  }
}

/** Bodies stay bytes: what they are is told by their content, not by their type. */
function acceptBytes (scope: FastifyInstance, config: Config): void {
  const whole = (_request: unknown, body: Buffer, done: (error: null, body: Buffer) => void): void => done(null, body)
  scope.removeAllContentTypeParsers()
  // base64 is a third longer than the bytes it holds.
  scope.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: Math.min(2 ** 29, config.MAX_IMAGE_BYTES * config.MAX_IMAGES_PER_REQUEST * 4 / 3) }, whole)
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: config.MAX_IMAGE_BYTES }, whole)
}

/** The client's own id where it is a plain token, so that it can be found in both logs. */
function requestId (given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

function liveModel (status: ModelStatus, engine: Engine): LiveModel {
  const { model: { id, network, dialect, sha256 }, device: { precision, provider }, batchLimit, checks } = status
  const differences = checks.flatMap(({ golden }) => golden === undefined ? [] : [golden.difference])
  return {
    id,
    info: { model: id, variant: network.variant.name, dialect, precision, provider, sha256 },
    queueDepth: engine.queueDepth(id),
    batchLimit,
    nodes: checks[0]?.nodes ?? {},
    difference: differences.length === 0 ? undefined : Math.max(...differences),
    instances: engine.instanceStates(status.model)
  }
}
