// Whether an environment that has served many calls holds more memory than one that has served
// few, and how much processor time a call takes. Other processes on the machine do not change
// processor time.
import { processorMs, residentMegabytes } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'

const CALLS = /** @type {const} */ ([1_000, 5_000, 10_000])
/** Garbage collection moves the size up and down, so the maximum of this many calls counts. */
const WINDOW = 500
/** The size is read after this many calls. */
const EVERY = 25

/** @typedef {import('./requests.mjs').Send} Send */

/**
 * Runs two gateways side by side. Each has one environment, which serves all its calls.
 *
 * @param {import('./run.mjs').Options} options
 */
export default async function memory({ times }) {
  const rows = await Promise.all([
    grow('tools/call, 2026-07-28', modernClient),
    grow('tools/call, 2025-11-25 in a session', sessionClient),
  ])
  const head = CALLS.map(times).map(count => `MB after ${count.toLocaleString('en')}`)
  return table(['', ...head, 'most MB', 'processor ms per call'], rows)

  /**
   * @param {string} name
   * @param {(gateway: import('./gateway.mjs').Gateway) => Send | Promise<Send>} connect
   */
  async function grow(name, connect) {
    const gateway = await startGateway({ concurrency: 1 })
    try {
      const client = await connect(gateway)
      check(await client('tools/call', CALL))
      const [pid = 0] = gateway.pids(MCP)
      const warm = times(CALLS[0])
      const all = times(CALLS[2])
      /** @type {{ done: number, size: number }[]} */
      const samples = []
      let before = 0
      for (let done = 1; done <= all; done++) {
        check(await client('tools/call', CALL))
        if (done === warm) before = processorMs(pid)
        if (done % EVERY === 0) samples.push({ done, size: residentMegabytes(pid) })
      }
      if (gateway.pids(MCP).join() !== String(pid))
        throw new Error('more than one environment served the calls')
      const sizes = CALLS.map(times).map(count =>
        Math.max(
          ...samples
            .filter(it => it.done > count - times(WINDOW) && it.done <= count)
            .map(it => it.size),
        ),
      )
      const ratios = sizes.map(
        size => `${size.toFixed(0)} (${(size / (sizes[0] ?? 0)).toFixed(2)})`,
      )
      const perCall = (processorMs(pid) - before) / (all - warm)
      return [name, ...ratios, Math.max(...sizes).toFixed(0), perCall.toFixed(1)]
    } finally {
      await gateway.close()
    }
  }
}
