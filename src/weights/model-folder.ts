import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { show } from '../errors.js'
import { idOfFile, modelAt, type ModelEntry } from './folder.js'
import { weightsError } from './weights-error.js'

const ID = /^[A-Za-z0-9][\w.+-]*(?:\/[A-Za-z0-9][\w.+-]*)?$/

/**
 * Where a new model goes; it must not be there yet.
 * @throws ServiceError weights_folder when the id is none, or is taken
 */
export function folderForNew (dir: string, id: string): string {
  if (!ID.test(id)) throw weightsError(dir, `a model's id must be letters, digits and . _ + -, as in vovnet39 or timm/ese_vovnet39b.ra_in1k, received ${show(id)}`)
  const folder = join(dir, id)
  const taken = existsSync(folder) ? folder : fileNamed(dir, id)
  if (taken !== undefined) throw weightsError(taken, `already is the model ${id}; remove it first or choose another name`)
  return folder
}

/** A single checkpoint with that id; beside a folder of the same id it would keep the service from starting. */
function fileNamed (dir: string, id: string): string | undefined {
  const name = existsSync(dir) ? readdirSync(dir).find(name => idOfFile(name) === id) : undefined
  return name === undefined ? undefined : join(dir, name)
}

/** Where a model is put together; the dot keeps it out of a server's sight. */
export function partialFolder (dir: string, id: string, owner = ''): string {
  return join(dir, `.${id.replaceAll('/', '--')}${owner === '' ? '' : `.${owner}`}.partial`)
}

/** Gives a finished partial folder its name: the model appears whole or not at all. */
export function publishFolder (partial: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true })
  renameSync(partial, folder)
}

/**
 * Writes `<dir>/<id>/` by way of a partial folder, of which nothing is left when `write` throws.
 * @throws ServiceError weights_folder, see folderForNew
 */
export function writeModelFolder (dir: string, id: string, write: (partial: string) => void): ModelEntry {
  const folder = folderForNew(dir, id)
  const partial = partialFolder(dir, id, String(process.pid))
  try {
    mkdirSync(partial, { recursive: true })
    write(partial)
    publishFolder(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return { ...modelAt(folder), id }
}
