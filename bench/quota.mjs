// A processor quota for environments, as Lambda gives a function a part of a processor after INIT.
// 1,792 MB are one processor, in periods of 20 ms.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

const PERIOD_US = 20_000
const ROOT = '/sys/fs/cgroup'

/**
 * Parts of a processor, by a control group of the kernel. Where this process may not make one, the
 * environment is stopped and continued in turn (`duty cycle`).
 *
 * @param {number} share of one processor
 */
export function createQuota(share) {
  const folder = controlGroup(share)
  /** @type {Worker | undefined} */
  let cycle
  return {
    kind: folder ? 'control group' : 'duty cycle',
    /** @param {number} pid */
    apply(pid) {
      if (folder) writeFileSync(join(folder, 'cgroup.procs'), String(pid))
      else
        cycle = new Worker(new URL('duty-cycle.mjs', import.meta.url), {
          workerData: { pid, periodMs: PERIOD_US / 1000, onMs: (share * PERIOD_US) / 1000 },
        })
    },
    /** Ends the quota of the environment that it was applied to last, which must have ended. */
    async lift() {
      await cycle?.terminate()
      cycle = undefined
    },
    close() {
      if (folder) rmdirSync(folder)
    },
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
      return folder
    } catch {
      rmdirSync(folder)
    }
  }
  return undefined
}

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
