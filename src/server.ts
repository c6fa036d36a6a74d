import { availableParallelism } from 'node:os'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.js'
import type { Config } from './config.js'
import { ServiceError, show } from './errors.js'
import { chooseDevice } from './inference/choose-device.js'
import { deviceTrial } from './inference/device-trial.js'
import { defaultPlan } from './inference/plan.js'
import { findModels, modelAt, type ModelEntry } from './weights/folder.js'
import { loadModel } from './weights/load.js'
import { pullMissing } from './weights/pull-missing.js'

/**
 * The life of the process: load, listen, warm up, say so in one line, and drain on SIGTERM or SIGINT.
 * @param file one checkpoint, or a folder that holds one, to serve in place of the weights folder
 */
export async function serve (config: Config, file?: string): Promise<void> {
  const cores = availableParallelism()
  const plan = defaultPlan(config, cores)
  const entries = file === undefined ? await chosen(config) : [modelAt(file)]
  const models = entries.map(entry => ({ model: loadModel(entry), plan }))
  const device = await chooseDevice(config, deviceTrial(models.map(({ model }) => model)))
  const decodeThreads = config.DECODE_THREADS === 'auto' ? cores : config.DECODE_THREADS
  const { http, warm, drain } = await buildApp({ config, device, models, decodeThreads, logger: { level: config.LOG_LEVEL } })
  http.log[device.fallback === true ? 'warn' : 'info'](device, 'device chosen')

  const grace = closeWithGrace({ delay: Math.max(1, config.SHUTDOWN_GRACE_MS), logger: http.log }, async ({ err, signal }) => {
    if (err !== undefined) http.log.fatal({ err }, 'unexpected error, shutting down')
    else http.log.info({ signal }, 'shutting down: answering what is in')
    drain()
    await http.close()
  })

  let url: string
  try {
    url = await http.listen({ host: config.HOST, port: config.PORT })
    await warm()
  } catch (error) {
    grace.uninstall() // it would end the process with 0
    await http.close() // or the threads already started keep it alive
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      ? new ServiceError('invalid_setting', `PORT ${config.PORT} of ${config.HOST} is already in use; --port 0 takes a free one`, { param: 'PORT' })
      : error
  }
  const local = url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')
  for (const { model, plan } of models) {
    http.log.info({ model: model.id, variant: model.network.variant.name, dialect: model.dialect, sha256: model.sha256, provider: device.provider, precision: device.precision, ...plan, node: process.version }, 'model ready')
  }
  process.stdout.write(`vovnet-serve is ready on ${local} with ${models.map(({ model }) => `${model.id} (${model.network.variant.name})`).join(', ')} on ${device.provider}; ` +
    `try: curl -H 'content-type: image/jpeg' --data-binary @photo.jpg '${local}/v1/embeddings'\n`)
}

/** The models MODELS names, in its order, those pulled first that are not there; or all found. */
async function chosen ({ MODELS, WEIGHTS_DIR, HF_ENDPOINT, HF_TOKEN }: Config): Promise<readonly ModelEntry[]> {
  await pullMissing({ endpoint: HF_ENDPOINT, token: HF_TOKEN }, MODELS, WEIGHTS_DIR, process.stderr)
  const found = findModels(WEIGHTS_DIR)
  const ids = found.map(({ id }) => id)
  if (found.length === 0) throw new ServiceError('weights_folder', `${WEIGHTS_DIR} must hold at least one model, found none; vovnet-serve init V-19-slim-dw-eSE writes one to try`, { param: 'WEIGHTS_DIR' })
  if (MODELS.length === 0) return found
  return MODELS.map(id => {
    const entry = found.find(one => one.id === id)
    if (entry === undefined) throw new ServiceError('weights_folder', `MODELS must name models of ${WEIGHTS_DIR} (${ids.join(', ')}), received ${show(id)}`, { param: 'MODELS' })
    return entry
  })
}
