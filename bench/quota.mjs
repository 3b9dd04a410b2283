// A processor quota for environments, as Lambda gives a function a part of a processor after INIT.
// About 1,792 MB are one processor: docs/aws-assumptions.md.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

const PERIOD_US = 20_000
const ROOT = '/sys/fs/cgroup'

/**
 * Parts of a processor, by a control group of the kernel. It lets a burst run on for a few
 * milliseconds, and takes them off the periods after it. Where this process may not make a group,
 * and with `dutyCycle`, the environment is stopped and continued in turn. That is stricter: the
 * time in which it waits counts too.
 *
 * @param {number} share of one processor
 * @param {{ dutyCycle: boolean }} options
 */
export function createQuota(share, { dutyCycle }) {
  const folder = dutyCycle ? undefined : controlGroup(share)
  if (folder)
    return {
      kind: 'control group',
      /** @param {number} pid */
      apply: pid => writeFileSync(join(folder, 'cgroup.procs'), String(pid)),
      /** Call it when the environments have ended. */
      close: async () => rmdirSync(folder),
    }
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const periodMs = PERIOD_US / 1_000
  const cycle = new Worker(new URL('duty-cycle.mjs', import.meta.url), {
    workerData: { shared, periodMs, onMs: share * periodMs },
  })
  return {
    kind: 'duty cycle',
    /** @param {number} pid the one that is stopped and continued from now on */
    apply(pid) {
      Atomics.store(shared, 0, pid)
      Atomics.notify(shared, 0)
    },
    close: async () => void (await cycle.terminate()),
  }
}

/** @param {number} share */
function controlGroup(share) {
  const quota = Math.round(share * PERIOD_US)
  for (const [parent, files] of candidates(quota)) {
    const folder = join(parent, `mcp-lambda-sam-bench-${process.pid}-${quota}`)
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    try {
      for (const [name, value] of Object.entries(files)) {
        if (!existsSync(join(folder, name))) throw new Error(`no ${name}`)
        writeFileSync(join(folder, name), value)
      }
      if (!limits(folder, share)) throw new Error('the kernel does not keep to it')
      return folder
    } catch {
      rmdirSync(folder)
    }
  }
  return undefined
}

/**
 * Whether a process of the group gets about its part. Some sandboxes take a quota and ignore it.
 *
 * @param {string} folder
 * @param {number} share
 */
function limits(folder, share) {
  const args = ['--eval', BUSY, join(folder, 'cgroup.procs')]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 })
  return stdout !== '' && Number(stdout) < 1.5 * share
}

/** Prints the part of a processor that it had. */
const BUSY = `
  require('node:fs').writeFileSync(process.argv[1], String(process.pid))
  const [end, before] = [Date.now() + 300, process.cpuUsage()]
  while (Date.now() < end);
  const { user, system } = process.cpuUsage(before)
  process.stdout.write(String((user + system) / 300_000))
`

/**
 * The folders where a group may be made, version 2 first, and the files of such a group.
 *
 * @param {number} quota
 * @returns {[string, Record<string, string>][]}
 */
function candidates(quota) {
  if (!existsSync('/proc/self/cgroup')) return []
  const own = readFileSync('/proc/self/cgroup', 'utf8')
  const path = (/** @type {RegExp} */ line) => line.exec(own)?.[1] ?? ''
  const period = String(PERIOD_US)
  return [
    [join(ROOT, path(/^0::(.*)$/m)), { 'cpu.max': `${quota} ${period}` }],
    [
      join(ROOT, 'cpu', path(/^\d+:(?:cpu|cpu,cpuacct):(.*)$/m)),
      { 'cpu.cfs_period_us': period, 'cpu.cfs_quota_us': String(quota) },
    ],
  ]
}
