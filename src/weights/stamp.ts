import { statSync } from 'node:fs'
import type { ModelEntry } from './folder.js'

/** Tells whether a file is still the one it was. */
export function stampOf (file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? 'gone' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
}

/** Tells whether any of a model's files changed: the checkpoint or what describes it. */
export function modelStamp ({ file, hubConfig, modelJson }: ModelEntry): string {
  return [file, hubConfig, modelJson].map(path => path === undefined ? 'none' : stampOf(path)).join(', ')
}
