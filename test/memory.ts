import { readFileSync } from 'node:fs'

/** The most memory it had, in MB, of a process that lives; only Linux tells. */
export function peak(pid: number | undefined): number {
  if (process.platform !== 'linux') return 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}
