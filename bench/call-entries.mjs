// What the log entries of calls cost: the processor time of an environment of the mcp function, its
// runtime client included, in turn without them, by default, and with an entry of each call.
import { processorMs } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median } from './turns.mjs'

/** The ends of the phases, in calls. */
const PHASES = [100, 1_000, 3_000]
const ROUNDS = 5
/**
 * Entries have the level INFO, so that WARN leaves them out. This runs before the function is
 * loaded.
 */
const WITHOUT = "--import=data:text/javascript,process.env.AWS_LAMBDA_LOG_LEVEL='WARN'"

/** @type {Record<string, Record<string, string>>} settings of the function, the first to compare with */
const SIDES = {
  'without entries': { NODE_OPTIONS: WITHOUT },
  'by default': {},
  'LogCalls: all': { LOG_CALLS: 'all' },
}

/** @param {import('./run.mjs').Options} options */
export default async function callEntries({ times }) {
  const phases = PHASES.map(times)
  /** @type {string[][]} */
  const rows = []
  for (const [name, clientOf] of /** @type {const} */ ([
    ['2026-07-28', async (/** @type {Gateway} */ it) => modernClient(it)],
    ['2025-11-25, in a session', sessionClient],
  ])) {
    /** @type {Record<string, number[][]>} */
    const found = {}
    for (let round = 0; round < times(ROUNDS); round++)
      for (const [side, environment] of Object.entries(SIDES)) {
        const gateway = await startGateway({ concurrency: 1, environment })
        try {
          const measured = await perCall(gateway, await clientOf(gateway), phases)
          found[side] = [...(found[side] ?? []), measured]
        } finally {
          await gateway.close()
        }
      }
    const [base, ...others] = Object.entries(found).map(([side, all]) => ({
      side,
      ms: phases.map((_, n) => median(all.map(it => it[n] ?? Number.NaN))),
    }))
    if (!base) continue
    rows.push([`${name}, ${base.side}`, ...base.ms.map(ms => `${ms.toFixed(2)} ms`)])
    for (const { side, ms } of others)
      rows.push([
        `${name}, ${side}`,
        ...ms.map((it, n) => {
          const more = it - (base.ms[n] ?? 0)
          return `${(more * 1000).toFixed(0)} µs (${((100 * more) / (base.ms[n] ?? 0)).toFixed(1)} %)`
        }),
      ])
  }
  return table(
    ['processor time of a call', `to ${phases[0]}`, `to ${phases[1]}`, `the rest, to ${phases[2]}`],
    rows,
  )
}

/** @typedef {import('./gateway.mjs').Gateway} Gateway */

/**
 * @param {Gateway} gateway
 * @param {import('./requests.mjs').Send} send
 * @param {number[]} phases
 */
async function perCall(gateway, send, phases) {
  const call = async () => check(await send('tools/call', CALL))
  await call()
  const [pid = 0] = gateway.pids(MCP)
  const found = []
  let [done, before] = [0, processorMs(pid)]
  for (const end of phases) {
    const calls = end - done
    for (; done < end; done++) await call()
    const now = processorMs(pid)
    found.push((now - before) / calls)
    before = now
  }
  return found
}
