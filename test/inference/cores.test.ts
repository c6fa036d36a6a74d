import t from 'tap'
import { cpuQuota, usableCores } from '../../src/inference/cores.js'

const V2_MOUNT = '29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw,nsdelegate'
const V1_MOUNT = '33 28 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct'

/** A machine with these files and no others. */
function machine (files: Record<string, string>): (path: string) => string | undefined {
  return path => files[path]
}

function v2 (path: string, files: Record<string, string>, mount = V2_MOUNT): (path: string) => string | undefined {
  return machine({ '/proc/self/cgroup': `0::${path}\n`, '/proc/self/mountinfo': `21 1 8:1 / / rw - ext4 /dev/sda1 rw\n${mount}\n`, ...files })
}

function v1 (path: string, files: Record<string, string>, mount = V1_MOUNT): (path: string) => string | undefined {
  return machine({ '/proc/self/cgroup': `7:memory:/other\n4:cpu,cpuacct:${path}\n0::/init\n`, '/proc/self/mountinfo': `${mount}\n`, ...files })
}

t.test('a v2 container sees its own quota at the root', async t => {
  t.equal(cpuQuota(v2('/', { '/sys/fs/cgroup/cpu.max': '150000 100000\n' })), 1.5)
  t.equal(cpuQuota(v2('/', { '/sys/fs/cgroup/cpu.max': 'max 100000\n' })), undefined)
})

t.test('of nested v2 groups the least quota counts, wherever it is', async t => {
  const at = (own: string, parent: string): number | undefined => cpuQuota(v2('/kubepods/pod1/c1', {
    '/sys/fs/cgroup/kubepods/pod1/c1/cpu.max': own,
    '/sys/fs/cgroup/kubepods/pod1/cpu.max': parent
  }))
  t.equal(at('max 100000', '300000 100000'), 3)
  t.equal(at('400000 100000', '300000 100000'), 3)
  t.equal(at('50000 100000', 'max 100000'), 0.5)
})

t.test('a v1 group by its cpu controller', async t => {
  const own = '/sys/fs/cgroup/cpu,cpuacct/docker/1f'
  t.equal(cpuQuota(v1('/docker/1f', { [`${own}/cpu.cfs_quota_us`]: '250000\n', [`${own}/cpu.cfs_period_us`]: '100000\n' })), 2.5)
  t.equal(cpuQuota(v1('/docker/1f', { [`${own}/cpu.cfs_quota_us`]: '-1\n', [`${own}/cpu.cfs_period_us`]: '100000\n' })), undefined)
})

t.test('a v1 container that is shown its own group at the mount point alone', async t => {
  const point = '/sys/fs/cgroup/cpu'
  const quota = { [`${point}/cpu.cfs_quota_us`]: '200000', [`${point}/cpu.cfs_period_us`]: '100000' }
  t.equal(cpuQuota(v1('/docker/1f', quota, `33 28 0:29 /docker/1f ${point} ro - cgroup cgroup rw,cpu`)), 2)
  // Nothing outside of what is mounted counts.
  const beside = { ...quota, '/sys/fs/cgroup/cpu.cfs_quota_us': '100000', '/sys/fs/cgroup/cpu.cfs_period_us': '100000' }
  t.equal(cpuQuota(v1('/docker/1f', beside, `33 28 0:29 /docker/other ${point} ro - cgroup cgroup rw,cpu`)), 2)
})

t.test('a path outside the cgroup namespace leaves the mount point', async t => {
  t.equal(cpuQuota(v2('/../sibling', { '/sys/fs/cgroup/cpu.max': '100000 50000' })), 2)
})

t.test('off Linux, and with files missing or odd, there is no quota', async t => {
  t.equal(cpuQuota(machine({})), undefined)
  t.equal(cpuQuota(machine({ '/proc/self/cgroup': '0::/a\n' })), undefined)
  t.equal(cpuQuota(v2('/a', {})), undefined)
  t.equal(cpuQuota(v2('/a', { '/sys/fs/cgroup/a/cpu.max': 'garbage' })), undefined)
  t.equal(cpuQuota(v2('/a', { '/sys/fs/cgroup/a/cpu.max': '100000 0' })), undefined)
})

t.test('cores are whole, at least one, and never more than the affinity mask allows', async t => {
  const cores = (quota: string, available: number): number => usableCores(available, v2('/', { '/sys/fs/cgroup/cpu.max': quota }))
  t.equal(cores('max 100000', 8), 8)
  t.equal(cores('150000 100000', 8), 2)
  t.equal(cores('140000 100000', 8), 1)
  t.equal(cores('10000 100000', 8), 1)
  t.equal(cores('1600000 100000', 8), 8)
  t.equal(usableCores(3, machine({})), 3)
  t.ok(Number.isInteger(usableCores()) && usableCores() >= 1, 'here')
})
