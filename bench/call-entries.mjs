// What the log entry of a call costs: the processor time of an environment of the mcp function, its
// runtime client included, with the entry and without it, in turn.
import { processorMs } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median } from './turns.mjs'

/** The ends of the phases, in calls. */
const PHASES = [100, 1_000, 3_000]
const ROUNDS = 5
/** Entries have this level, so that WARN leaves them out. Runs before the function is loaded. */
const WITHOUT = "--import=data:text/javascript,process.env.AWS_LAMBDA_LOG_LEVEL='WARN'"

/** @param {import('./run.mjs').Options} options */
export default async function callEntries({ times }) {
  const phases = PHASES.map(times)
  /** @type {string[][]} */
  const rows = []
  for (const [name, clientOf] of /** @type {const} */ ([
    ['2026-07-28', async (/** @type {Gateway} */ it) => modernClient(it)],
    ['2025-11-25, in a session', sessionClient],
  ])) {
    /** @type {Record<'with' | 'without', number[][]>} */
    const found = { with: [], without: [] }
    for (let round = 0; round < times(ROUNDS); round++)
      for (const side of /** @type {const} */ (['with', 'without'])) {
        /** @type {Record<string, string>} */
        const environment = side === 'without' ? { NODE_OPTIONS: WITHOUT } : {}
        const gateway = await startGateway({ concurrency: 1, environment })
        try {
          found[side].push(await perCall(gateway, await clientOf(gateway), phases))
        } finally {
          await gateway.close()
        }
      }
    const medians = (/** @type {number[][]} */ all) =>
      phases.map((_, n) => median(all.map(it => it[n] ?? Number.NaN)))
    const without = medians(found.without)
    const cost = medians(found.with).map((ms, n) => {
      const more = ms - (without[n] ?? 0)
      return `${(more * 1000).toFixed(0)} µs (${((100 * more) / (without[n] ?? 0)).toFixed(1)} %)`
    })
    rows.push([name, ...without.map(ms => `${ms.toFixed(2)} ms`)], [`${name}: the entry`, ...cost])
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
