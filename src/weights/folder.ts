import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { show } from '../errors.js'
import { weightsError } from './weights-error.js'

/** A model found on disk, not yet opened. */
export interface ModelEntry {
  /** `vovnet39` or, as hubs name them, `timm/ese_vovnet39b.ra_in1k`. */
  readonly id: string
  /** The checkpoint. */
  readonly file: string
  /** timm's description of its model, where there is one beside the checkpoint. */
  readonly hubConfig: string | undefined
  /** Our own description, where there is one. */
  readonly modelJson: string | undefined
}

/** `.pth.tar` is PyTorch's examples' habit; what is inside is no tar. */
const CHECKPOINT = /\.(?:safetensors|bin|pth|pt|pkl|pth\.tar)$/
/** Taken before any other checkpoint of a folder: hub folders hold the same weights under both names. */
const PREFERRED = ['model.safetensors', 'pytorch_model.bin']
const NAME = /^[A-Za-z0-9][\w.+-]*$/

/**
 * Every model of the weights folder, sorted by id: `<id>/`, `<org>/<id>/` or a single checkpoint `<id>.<ext>`.
 * Names that begin with a dot, and files that are no checkpoint, are passed over.
 * @throws ServiceError weights_folder when the folder cannot be read, a folder in it holds no checkpoint or several, or two models have one id
 */
export function findModels (dir: string): ModelEntry[] {
  const found = new Map<string, ModelEntry>()
  const add = (entry: ModelEntry): void => {
    const other = found.get(entry.id)
    if (other !== undefined) throw weightsError(dir, `expected one model with the id ${entry.id}, found ${other.file} and ${entry.file}`)
    found.set(entry.id, entry)
  }
  for (const name of list(dir)) {
    const path = join(dir, name)
    if (!isFolder(path)) {
      if (idOfFile(name) !== undefined) add(modelFromFile(path))
      continue
    }
    const model = modelFromFolder(path, checkName(path, name))
    if (model !== undefined) {
      add(model)
      continue
    }
    const inner = list(path).map(child => join(path, child)).filter(isFolder)
    if (inner.length === 0) throw noCheckpoint(path)
    for (const folder of inner) add(modelFromFolder(folder, `${name}/${checkName(folder, basename(folder))}`) ?? fail(noCheckpoint(folder)))
  }
  return [...found.values()].sort((a, b) => a.id < b.id ? -1 : 1)
}

/**
 * One checkpoint outside any weights folder, or a folder that holds one; the id is its name without the extension, or the folder's
 * where the file is named as hubs name it.
 * @throws ServiceError weights_folder when it is not there or holds no checkpoint
 */
export function modelAt (path: string): ModelEntry {
  if (!existsSync(path)) throw weightsError(path, 'no such file or folder')
  if (isFolder(path)) return modelFromFolder(path, checkName(path, basename(resolve(path)))) ?? fail(noCheckpoint(path))
  // A hub gives every checkpoint one of two names: the folder says whose it is, and holds what describes it.
  const folder = dirname(resolve(path))
  return PREFERRED.includes(basename(path)) && NAME.test(basename(folder)) ? { ...modelFromFolder(folder, basename(folder))!, file: path } : modelFromFile(path)
}

/**
 * A model by its id in the weights folder, or by the path of a checkpoint or model folder.
 * @throws ServiceError weights_folder when it is neither
 */
export function modelNamed (dir: string, name: string): ModelEntry {
  if (existsSync(name)) return modelAt(name)
  const found = isFolder(dir) ? findModels(dir) : []
  const ids = found.length === 0 ? '' : ` (${found.map(({ id }) => id).join(', ')})`
  return found.find(({ id }) => id === name) ?? fail(weightsError(name, `must be a file, a folder or the id of a model in ${dir}${ids}`))
}

/** `vovnet39` of `vovnet39.pth`; undefined for what is no checkpoint by its name. */
export function idOfFile (name: string): string | undefined {
  return CHECKPOINT.test(name) ? name.replace(CHECKPOINT, '') : undefined
}

function modelFromFile (file: string): ModelEntry {
  const name = basename(file)
  return { id: checkName(file, idOfFile(name) ?? name), file, hubConfig: undefined, modelJson: undefined }
}

function modelFromFolder (folder: string, id: string): ModelEntry | undefined {
  const names = list(folder)
  const checkpoints = names.filter(name => CHECKPOINT.test(name) && !isFolder(join(folder, name)))
  const file = PREFERRED.find(name => checkpoints.includes(name)) ?? checkpoints[0]
  if (file === undefined) return undefined
  if (checkpoints.length > 1 && !PREFERRED.includes(file)) throw weightsError(folder, `expected one checkpoint, found ${checkpoints.join(', ')}`)
  const beside = (name: string): string | undefined => names.includes(name) ? join(folder, name) : undefined
  return { id, file: join(folder, file), hubConfig: beside('config.json'), modelJson: beside('model.json') }
}

function noCheckpoint (folder: string): Error {
  return weightsError(folder, `expected ${PREFERRED.join(', ')} or one .safetensors, .bin, .pth, .pt or .pkl file, found none`)
}

function fail (error: Error): never {
  throw error
}

function checkName (path: string, name: string): string {
  if (!NAME.test(name)) throw weightsError(path, `a model's name must be letters, digits and . _ + -, received ${show(name)}`)
  return name
}

function list (dir: string): string[] {
  try {
    return readdirSync(dir).filter(name => !name.startsWith('.')).sort()
  } catch (error) {
    throw weightsError(dir, `cannot be listed: ${(error as Error).message}`, error)
  }
}

function isFolder (path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
