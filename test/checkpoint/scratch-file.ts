import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder of the test's own, removed with it. */
export function scratchFolder (t: Pick<Test, 'teardown'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'vovnet-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file with these bytes in a folder of its own. */
export function scratchFile (t: Pick<Test, 'teardown'>, bytes: Uint8Array, name = 'checkpoint'): string {
  const file = join(scratchFolder(t), name)
  writeFileSync(file, bytes)
  return file
}
