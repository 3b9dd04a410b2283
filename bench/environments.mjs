// What an environment uses: processor time and memory of a process. NaN where there is no /proc.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processor time of all threads of a process so far, in milliseconds.
 *
 * @param {number} pid
 */
export function processorMs(pid) {
  if (process.platform !== 'linux') return Number.NaN
  const folder = `/proc/${pid}/task`
  const nanoseconds = readdirSync(folder).map(thread =>
    Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanoseconds.reduce((total, it) => total + it, 0) / 1e6
}

/**
 * Resident memory of a process in MB.
 *
 * @param {number} pid
 */
export function residentMegabytes(pid) {
  const kilobytes =
    process.platform === 'linux'
      ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(kilobytes) / 1024
}

/**
 * Open files, sockets and pipes of a process.
 *
 * @param {number} pid
 */
export const handles = pid =>
  process.platform === 'linux' ? readdirSync(`/proc/${pid}/fd`).length : Number.NaN
