import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { posix } from 'node:path'

/** A file's text, or undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined

/** Cores this process may really use: those of its affinity mask, bounded by the quota of its cgroup, at least 1. */
export function usableCores (available = availableParallelism(), read: ReadText = readText): number {
  const quota = cpuQuota(read)
  // Half a core is worth a thread. A smaller share is left to the event loop: a thread for it would have the kernel stop all of them for a part of every period.
  return Math.max(1, Math.min(available, quota === undefined ? Infinity : Math.round(quota)))
}

/**
 * Cores the kernel grants on average, e.g. 1.5: the least along the way from this process's cgroup up to the root, of v2
 * (cpu.max) and v1 (cpu.cfs_quota_us). undefined without a quota, and off Linux, where there are no such files.
 */
export function cpuQuota (read: ReadText): number | undefined {
  const groups = (read('/proc/self/cgroup') ?? '').split('\n').map(parseGroup)
  const quotas = mountsOf(read('/proc/self/mountinfo') ?? '').flatMap(mount => {
    const group = groups.find(({ controllers }) => controllers.includes(mount.version === 2 ? '' : 'cpu'))
    return group === undefined ? [] : foldersOf(mount, group.path).map(folder => mount.version === 2 ? quotaV2(folder, read) : quotaV1(folder, read))
  })
  const least = Math.min(...quotas.filter(quota => quota !== undefined))
  return least === Infinity ? undefined : least
}

interface Group { readonly controllers: readonly string[], readonly path: string }

/** `4:cpu,cpuacct:/docker/1f2e`; v2's line is `0::/...`, whose only controller is ''. */
function parseGroup (line: string): Group {
  const [, controllers = 'none', ...path] = line.split(':')
  return { controllers: controllers.split(','), path: path.join(':') }
}

interface Mount {
  readonly version: 1 | 2
  /** The cgroup that is seen at `point`: a container may be shown its own alone. */
  readonly root: string
  readonly point: string
}

/** `31 23 0:28 <root> <point> <options> - <type> <source> <super options>`, see proc_pid_mountinfo(5). */
function mountsOf (mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line): Mount[] => {
    const [mount = '', system = ''] = line.split(' - ')
    const [root, point] = mount.split(' ').slice(3)
    const [type, , options = ''] = system.split(' ')
    if (root === undefined || point === undefined) return []
    if (type === 'cgroup2') return [{ version: 2, root, point }]
    return type === 'cgroup' && options.split(',').includes('cpu') ? [{ version: 1, root, point }] : []
  })
}

/** From the process's own folder up to the mount point. A path the mount does not show leaves the mount point alone. */
function foldersOf ({ root, point }: Mount, path: string): string[] {
  const below = posix.relative(root, path)
  const parts = below.startsWith('..') ? [] : below.split('/').filter(part => part !== '')
  return Array.from({ length: parts.length + 1 }, (_, count) => posix.join(point, ...parts.slice(0, count)))
}

/** `150000 100000` is one and a half cores, `max 100000` no bound. */
function quotaV2 (folder: string, read: ReadText): number | undefined {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ')
  return ratio(quota, period)
}

/** A quota of -1 is no bound. */
function quotaV1 (folder: string, read: ReadText): number | undefined {
  return ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`))
}

function ratio (quota: string | undefined, period: string | undefined): number | undefined {
  const cores = Number(quota ?? NaN) / Number(period ?? NaN)
  return Number.isFinite(cores) && cores > 0 ? cores : undefined
}

function readText (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not Linux, or a controller that is not there
  }
}
