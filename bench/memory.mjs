// Whether an environment that has served many calls holds more memory than one that has served a few, and what a
// call takes of its processor, which neighbours on the machine do not change.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'

const CALLS = [1_000, 5_000, 10_000]
/** Memory goes up and down with the garbage; of so many calls before each count the most is taken. */
const WINDOW = 500
const EVERY = 25
const TICKS_PER_SECOND = 100

/** Two gateways side by side, one for each; every call of each meets the same environment. */
export default async function memory({ times }) {
  const rows = await Promise.all([
    grow('tools/call, 2026-07-28', modernClient),
    grow('tools/call, 2025-11-25 in a session', sessionClient),
  ])
  const head = CALLS.map(times).map(count => `MB after ${count.toLocaleString('en')}`)
  return table(['', ...head, 'processor ms per call'], rows)

  async function grow(name, connect) {
    const gateway = await startGateway({ concurrency: 1 })
    try {
      const client = await connect(gateway)
      check(await client('tools/call', CALL))
      const [pid] = gateway.pids(MCP)
      const warm = times(CALLS[0])
      const samples = []
      let before = 0
      for (let done = 1; done <= times(CALLS.at(-1)); done++) {
        check(await client('tools/call', CALL))
        if (done === warm) before = processor(pid)
        if (done % EVERY === 0) samples.push({ done, size: resident(pid) })
      }
      if (gateway.pids(MCP).join() !== String(pid)) throw new Error('not all by one environment')
      const sizes = CALLS.map(times).map(count =>
        Math.max(
          ...samples
            .filter(it => it.done > count - times(WINDOW) && it.done <= count)
            .map(it => it.size),
        ),
      )
      const ratios = sizes.map(size => `${size.toFixed(0)} (${(size / sizes[0]).toFixed(2)})`)
      const perCall = (processor(pid) - before) / (times(CALLS.at(-1)) - warm)
      return [name, ...ratios, perCall.toFixed(1)]
    } finally {
      await gateway.close()
    }
  }
}

/** In MB. */
function resident(pid) {
  const kilobytes =
    process.platform === 'linux'
      ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(kilobytes) / 1024
}

/** Milliseconds of processor time that it has had; NaN where there is no /proc. */
function processor(pid) {
  if (process.platform !== 'linux') return Number.NaN
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user, system] = fields.split(' ').slice(11, 13).map(Number)
  return ((user + system) * 1000) / TICKS_PER_SECOND
}
