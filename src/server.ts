import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.js'
import { changedSettings, type Config } from './config.js'
import { ServiceError } from './errors.js'
import { chooseDevice } from './inference/choose-device.js'
import { usableCores } from './inference/cores.js'
import { deviceTrial } from './inference/device-trial.js'
import { Planner } from './inference/planner.js'
import { startTracing } from './tracing/sdk.js'
import { VERSION } from './version.js'
import { modelAt, type ModelEntry } from './weights/folder.js'
import { loadModel } from './weights/load.js'
import { pullMissing } from './weights/pull-missing.js'
import { selectModels } from './weights/select.js'

/**
 * The life of the process: load, listen, warm up, say so in one line, and drain on SIGTERM or SIGINT.
 * @param file one checkpoint, or a folder that holds one, to serve in place of the weights folder
 */
export async function serve (config: Config, file?: string): Promise<void> {
  const cores = usableCores()
  if (file === undefined) await pullMissing({ endpoint: config.HF_ENDPOINT, token: config.HF_TOKEN }, config.MODELS, config.WEIGHTS_DIR, process.stderr)
  const scan = (): ModelEntry[] => file === undefined ? selectModels(config.WEIGHTS_DIR, config.MODELS) : [modelAt(file)]
  const entries = scan()
  const loaded = entries.map(loadModel)
  const device = await chooseDevice(config, deviceTrial(loaded))
  const planner = new Planner({ settings: config, device, cores, memory: process.availableMemory() / loaded.length })
  const models = await planner.plan(loaded)
  const decodeThreads = config.DECODE_THREADS === 'auto' ? cores : config.DECODE_THREADS
  const tracing = config.OTEL_EXPORTER_OTLP_ENDPOINT === '' ? undefined : await startTracing(config.OTEL_EXPORTER_OTLP_ENDPOINT, { trouble: message => http.log.warn({ message }, 'tracing trouble') })
  const { http, metricsHttp, warm, drain, reload } = await buildApp({ config, device, models, source: { entries, scan, plan: model => planner.recall(model) }, decodeThreads, tracing, logger: { level: config.LOG_LEVEL }, onHung })

  http.log[device.fallback === true ? 'warn' : 'info'](device, 'device chosen')

  function onHung (): void {
    http.log.fatal('a run hangs in native code: answering what can be, then ending the process')
    drain()
    setTimeout(endNow, config.SHUTDOWN_GRACE_MS)
    http.close().then(endNow, endNow)
  }

  // SIGHUP is ours: it reloads. A second signal while shutting down ends the process at once.
  const grace = closeWithGrace({ delay: Math.max(1, config.SHUTDOWN_GRACE_MS), logger: http.log, skip: ['SIGHUP'] }, async ({ err, signal }) => {
    if (err !== undefined) http.log.fatal({ err }, 'unexpected error, shutting down')
    else http.log.info({ signal }, 'shutting down: answering what is in')
    drain()
    // Balancers need a moment to notice; whoever pressed Ctrl-C does not.
    if (signal === 'SIGTERM') await sleep(Math.min(config.DRAIN_DELAY_MS, config.SHUTDOWN_GRACE_MS / 2))
    await http.close()
    await tracing?.shutdown()
  })
  process.on('SIGHUP', () => { void reload() })

  let url: string
  try {
    url = await http.listen({ host: config.HOST, port: config.PORT })
    if (config.METRICS_PORT !== 'same') await metricsHttp?.listen({ host: config.HOST, port: config.METRICS_PORT })
    await warm()
  } catch (error) {
    grace.uninstall() // it would end the process with 0
    await http.close() // or the threads already started keep it alive
    throw portTaken(error as NodeJS.ErrnoException, config) ?? error
  }
  const local = url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')
  http.log.info({
    version: VERSION,
    url: local,
    ...device,
    cores,
    memoryBytes: process.availableMemory(),
    node: process.version,
    models: models.map(({ model, plan, report }) => ({ id: model.id, variant: model.network.variant.name, dialect: model.dialect, sha256: model.sha256, ...plan, tuning: report })),
    settings: changedSettings(config)
  }, 'ready')
  process.stdout.write(`vovnet-serve is ready on ${local} with ${models.map(({ model }) => `${model.id} (${model.network.variant.name})`).join(', ')} on ${device.provider}; ` +
    `try: curl -H 'content-type: image/jpeg' --data-binary @photo.jpg '${local}/v1/embeddings'\n`)
}

/** process.exit waits for, or aborts on, a thread inside a native call; only a signal ends the process with one. */
function endNow (): void {
  process.kill(process.pid, 'SIGKILL')
}

function portTaken ({ code, port }: NodeJS.ErrnoException & { port?: number }, { HOST, PORT, METRICS_PORT }: Config): ServiceError | undefined {
  if (code !== 'EADDRINUSE') return undefined
  const param = port === METRICS_PORT ? 'METRICS_PORT' : 'PORT'
  return new ServiceError('invalid_setting', `${param} ${port ?? PORT} of ${HOST} is already in use; 0 takes a free one`, { param })
}
