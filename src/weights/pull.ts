import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServiceError, show } from '../errors.js'
import { describeModel, type ModelDescription } from './describe.js'
import { modelAt } from './folder.js'
import { folderForNew, partialFolder, publishFolder } from './model-folder.js'
import { pullFile, type PulledFile, type PullFileOptions } from './pull-file.js'
import { withLock } from './pull-lock.js'
import type { Hub } from './pull-request.js'

export interface PullOptions extends PullFileOptions {
  /** `org/name` */
  readonly repository: string
  readonly revision: string
  /** The weights folder. */
  readonly dir: string
  readonly id: string
  /** Called once when another process is pulling the same model into the same folder. */
  readonly onWait?: () => void
}

export interface Pulled {
  readonly folder: string
  readonly description: ModelDescription
  /** Of the checkpoint; undefined when the model was already there. */
  readonly checkpoint: PulledFile | undefined
}

/** In the order they are looked for; a hub holds the same weights under both names. */
const CHECKPOINTS = ['model.safetensors', 'pytorch_model.bin']
const REPOSITORY = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/

/** Whether a model's id is also the name of a hub's repository. */
export function isRepository (id: string): boolean {
  return REPOSITORY.test(id)
}

/**
 * Brings a model from a hub into `<dir>/<id>/`: its checkpoint, its config.json where it has one, and a model.json that says where they
 * are from. The folder appears whole, and only when the checkpoint is one that can be served; a pull that broke off is gone on with.
 * A model that is already there is left as it is.
 * @throws ServiceError what pullFile throws; checkpoint_unreadable, checkpoint_unrecognised, checkpoint_mismatch for what is no VoVNet
 */
export async function pullModel (hub: Hub, options: PullOptions): Promise<Pulled> {
  const { repository, dir, id } = options
  if (!isRepository(repository)) throw new ServiceError('invalid_parameter', `a repository must be named org/name, as in timm/ese_vovnet39b.ra_in1k, received ${show(repository)}`)
  const folder = join(dir, id)
  if (existsSync(folder)) return { folder, description: describeModel(modelAt(folder)), checkpoint: undefined }
  folderForNew(dir, id)
  const partial = partialFolder(dir, id)
  mkdirSync(dir, { recursive: true })
  return await withLock(`${partial}.lock`, options.onWait ?? (() => {}), async () => {
    // Whoever held the lock before may have pulled it.
    if (existsSync(folder)) return { folder, description: describeModel(modelAt(folder)), checkpoint: undefined }
    try {
      const checkpoint = await pullInto(partial, hub, options)
      publishFolder(partial, folder)
      return { folder, description: describeModel({ ...modelAt(folder), id }), checkpoint }
    } finally {
      removeEmpty(partial)
    }
  })
}

/** What has begun to arrive stays for the next pull to go on with. */
function removeEmpty (partial: string): void {
  if (existsSync(partial) && readdirSync(partial).length === 0) rmdirSync(partial)
}

async function pullInto (partial: string, hub: Hub, options: PullOptions): Promise<PulledFile> {
  const { repository, revision } = options
  mkdirSync(partial, { recursive: true })
  const pull = async (name: string, at: string): Promise<PulledFile | undefined> => {
    try {
      return await pullFile(hub, { repository, revision: at, name }, join(partial, name), options)
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'hub_not_found' && error.param === name) return undefined
      throw error
    }
  }
  const config = await pull('config.json', revision)
  // A branch may move between two answers; the commit it stood for does not.
  const commit = config?.commit ?? revision
  for (const name of CHECKPOINTS) {
    const checkpoint = await pull(name, commit)
    if (checkpoint === undefined) continue
    const source = `${hub.endpoint}/${repository} at ${checkpoint.commit ?? commit}`
    writeFileSync(join(partial, 'model.json'), `${JSON.stringify({ source }, null, 2)}\n`)
    refuseOthers(options, partial, join(partial, name), config === undefined ? undefined : join(partial, 'config.json'))
    return checkpoint
  }
  rmSync(partial, { recursive: true, force: true })
  throw new ServiceError('hub_not_found', `${hub.endpoint}/${repository} must have ${CHECKPOINTS.join(' or ')} at revision ${revision}, found neither, or there is no such repository`, { param: 'repository' })
}

/** A repository of some other network is no model: in the weights folder it would keep the service from starting. */
function refuseOthers ({ repository }: PullOptions, partial: string, file: string, hubConfig: string | undefined): void {
  try {
    describeModel({ id: 'pulled', file, hubConfig, modelJson: undefined })
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error instanceof ServiceError ? new ServiceError(error.code, `${repository} cannot be served: ${error.message}`, { param: error.param, cause: error }) : error
  }
}
