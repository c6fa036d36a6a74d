import { readFileSync, rmSync, statSync, utimes, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

const BEAT_MS = 5_000
/** Six beats missed: whoever held the lock is gone. */
const STALE_MS = 30_000

/**
 * Does the work while no other process does that of the same lock file: replicas that share a weights folder start together.
 * The file is touched while it is held, so that one left behind by a process that was killed does not hold for ever.
 * @param onWait called once when another process has the lock
 */
export async function withLock<Result> (file: string, onWait: () => void, work: () => Promise<Result>): Promise<Result> {
  for (let waited = false; !acquire(file); waited = true) {
    if (!waited) onWait()
    await delay(500)
  }
  const beat = setInterval(() => utimes(file, new Date(), new Date(), () => {}), BEAT_MS)
  beat.unref()
  try {
    return await work()
  } finally {
    clearInterval(beat)
    rmSync(file, { force: true })
  }
}

function acquire (file: string): boolean {
  const own = `${hostname()} ${process.pid}`
  try {
    writeFileSync(file, own, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (isLeftBehind(file)) rmSync(file, { force: true })
    return false
  }
}

function isLeftBehind (file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return false
  if (Date.now() - stat.mtimeMs > STALE_MS) return true
  const [host, pid] = readFileSync(file, 'utf8').split(' ')
  return host === hostname() && !isRunning(Number(pid))
}

/** A container's first process has the same number after a restart: the lock of our own number is that of our predecessor. */
function isRunning (pid: number): boolean {
  if (pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
