// A call in an environment that has the part of a processor of 512 MB (2/7) and of 256 MB (1/7).
import { setTimeout as sleep } from 'node:timers/promises'

import { residentMegabytes } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { createQuota } from './quota.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median, takeTurns, within } from './turns.mjs'

const SHARES = { 'full speed': 1, '2/7': 2 / 7, '1/7': 1 / 7 }
/** After this time the quota of the period before is refilled: calls seldom follow at once. */
const PAUSE_MS = 25
/** A call that hangs fails instead. */
const MAX_MS = 60_000

/** @param {import('./run.mjs').Options} options */
export default async function smallMemory({ times, dutyCycle }) {
  /** @type {Record<string, string[]>} */
  const rows = {}
  let kind = ''
  for (const share of Object.values(SHARES)) {
    const quota = share < 1 ? createQuota(share, { dutyCycle }) : undefined
    if (quota) kind = quota.kind
    const gateway = await startGateway({ concurrency: 1 })
    try {
      const firsts = []
      const modern = modernClient(gateway)
      const call = async () => check(await modern('tools/call', CALL))
      for (let n = 0; n < times(9); n++) {
        await gateway.invoke()
        await gateway.makeCold(MCP)
        let ready = 0
        gateway.onInit[MCP] = pid => {
          quota?.apply(pid)
          ready = performance.now()
        }
        await within(MAX_MS, 'the first tools/call', call())
        firsts.push(performance.now() - ready)
      }
      const session = await sessionClient(gateway)
      const paused = (/** @type {() => Promise<unknown>} */ run) => async () => {
        await sleep(PAUSE_MS)
        const started = performance.now()
        await within(MAX_MS, 'a call', run())
        return performance.now() - started
      }
      const variants = {
        direct: paused(gateway.invoke),
        modern: paused(call),
        session: paused(async () => check(await session('tools/call', CALL))),
      }
      await takeTurns(times(60), variants)
      const measured = await takeTurns(times(200), variants)
      const p50 = (/** @type {string} */ name) => median(measured[name] ?? [])
      const [pid = 0] = gateway.pids(MCP)
      add('first tools/call, after INIT', median(firsts))
      add('a warm call adds', p50('modern') - p50('direct'))
      add('a warm call in a session adds', p50('session') - p50('direct'))
      add('resident MB after them', residentMegabytes(pid))
    } finally {
      await gateway.close()
      await quota?.close()
    }
  }
  return [
    `Milliseconds, p50. The quota is a ${kind} in periods of 20 ms. What a call adds is the difference to a direct invoke: the mcp function, and the Function URL in front of it.`,
    table(
      ['', ...Object.keys(SHARES)],
      Object.entries(rows).map(([name, cells]) => [name, ...cells]),
    ),
  ].join('\n\n')

  /** @param {string} name @param {number} value */
  function add(name, value) {
    rows[name] ??= []
    rows[name].push(value.toFixed(1))
  }
}
