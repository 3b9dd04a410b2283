// Requests per second on one machine, which also runs the clients.
import { CALL, check, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median, takeTurns } from './turns.mjs'

const CLIENTS = [1, 4, 16]
const CALLS = 200

/** @param {import('./run.mjs').Options} options */
export default async function throughput({ times }) {
  const gateway = await startGateway()
  try {
    const modern = modernClient(gateway)
    const session = await sessionClient(gateway)
    const variants = {
      'direct invoke': gateway.invoke,
      'tools/call, 2026-07-28': async () => check(await modern('tools/call', CALL)),
      'tools/call, 2025-11-25 in a session': async () => check(await session('tools/call', CALL)),
    }
    const rates = Object.keys(variants).map(name => ({
      name,
      perSecond: /** @type {number[]} */ ([]),
    }))
    for (const clients of CLIENTS) {
      const run = Object.fromEntries(
        Object.entries(variants).map(([name, call]) => [
          name,
          () => rateOf(times(CALLS), clients, call),
        ]),
      )
      await takeTurns(1, run) // starts as many environments as there are clients
      const measured = await takeTurns(5, run)
      for (const { name, perSecond } of rates) perSecond.push(median(measured[name] ?? []))
    }
    const direct = rates[0]?.perSecond ?? []
    const rows = rates.map(({ name, perSecond }) => [
      name,
      ...perSecond.map((rate, n) => `${rate.toFixed(0)} (${(rate / (direct[n] ?? 0)).toFixed(2)})`),
    ])
    return table(['requests per second', ...CLIENTS.map(n => `${n} at a time`)], rows)
  } finally {
    await gateway.close()
  }
}

/**
 * @param {number} calls in all
 * @param {number} clients that call at the same time
 * @param {() => Promise<unknown>} call
 */
async function rateOf(calls, clients, call) {
  const started = performance.now()
  let left = calls
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left-- > 0) await call()
    }),
  )
  return (calls / (performance.now() - started)) * 1000
}
