// The cost model of docs/cost.md: what is counted on the local gateway, times list prices.
import { capacity } from './cost-capacity.mjs'
import { APART_MS, CALLERS, IDLE, startMeter, usageOfAnHour, usageOfCall } from './cost-usage.mjs'
import { ASSUMED, PRICES } from './prices.mjs'
import { table } from './table.mjs'
import { within } from './turns.mjs'

const TOOLS = /** @type {const} */ ([
  ['50 ms', 50, 10],
  ['300 ms', 300, 10],
  ['1 s', 1_000, 5],
  ['10 s', 10_000, 1],
])
const MEMORIES = [256, 512]
const OVER_SSE = 'over /sse'
/** A part that hangs fails instead. */
const MAX_MS = 300_000

/** @typedef {import('./cost-usage.mjs').Usage} Usage */

/** @param {import('./run.mjs').Options} options */
export default async function cost({ times }) {
  const calls = await measureCalls(times)
  const idle = Object.fromEntries(
    await Promise.all(
      Object.keys(IDLE).map(async name => [
        name,
        await within(MAX_MS, name, measureIdle(name, times(40))),
      ]),
    ),
  )
  return [
    'Dollars per million calls, by the time that the tool takes. A call over `/sse` is without its stream, which is open anyway.',
    ...MEMORIES.map(memory =>
      table(
        [`at ${memory} MB`, ...TOOLS.map(([label]) => label)],
        [
          ...Object.entries(calls).map(([name, usages]) => [
            name,
            ...usages.map((usage, n) =>
              dollars(costOfCall(usage, name, TOOLS[n]?.[1] ?? 0, memory) * 1e6),
            ),
          ]),
          [
            "Lambda's own log lines, at SystemLogLevel INFO",
            ...TOOLS.map(() => dollars((ASSUMED.systemLogBytes / 1e9) * PRICES.logGigabyte * 1e6)),
          ],
          ['AgentCore Gateway', ...TOOLS.map(() => dollars(PRICES.agentCoreCall * 1e6))],
        ],
      ),
    ),
    'What was counted for a call:',
    table(
      [
        '',
        'invocations',
        'processor ms',
        'table requests',
        'read units',
        'write units',
        'log bytes',
      ],
      Object.entries(calls).flatMap(([name, usages]) =>
        usages.map((it, n) => [
          `${name}, ${TOOLS[n]?.[0]}`,
          it.invocations.toFixed(1),
          ...[it.processor, it.requests, it.reads, it.writes, it.logged].map(round),
        ]),
      ),
    ),
    'Dollars per month of a client that is connected and does nothing:',
    table(
      [
        '',
        ...MEMORIES.map(memory => `dollars at ${memory} MB`),
        'of these, reads',
        'writes',
        'read units an hour',
        'write units an hour',
      ],
      Object.entries(idle).map(([name, usage]) => [
        name,
        ...MEMORIES.map(memory => dollars(costOfMonth(name, usage, memory))),
        dollars(usage.reads * PRICES.readUnit * ASSUMED.hoursOfAMonth),
        dollars(usage.writes * PRICES.writeUnit * ASSUMED.hoursOfAMonth),
        round(usage.reads),
        round(usage.writes),
      ]),
    ),
    'Dollars per month of stored registrations, with continuous backups:',
    table(
      ['registrations', 'dollars'],
      [100, 10_000].map(count => [
        count.toLocaleString('en'),
        (
          ((count * ASSUMED.registrationBytes) / 1e9) *
          (PRICES.tableGigabyteMonth + PRICES.backupGigabyteMonth)
        ).toFixed(4),
      ]),
    ),
    capacity(calls, idle),
  ].join('\n\n')
}

/**
 * At the same time, each on a gateway of its own: nearly all of it is waiting.
 *
 * @param {(count: number) => number} times
 */
async function measureCalls(times) {
  return Object.fromEntries(
    await Promise.all(
      Object.keys(CALLERS).map(
        async name =>
          /** @type {[string, Usage[]]} */ ([
            name,
            await within(MAX_MS, `the calls ${name}`, measureCaller(name, times)),
          ]),
      ),
    ),
  )
}

/**
 * @param {string} name
 * @param {(count: number) => number} times
 */
async function measureCaller(name, times) {
  const meter = await startMeter()
  const caller = await CALLERS[name]?.(meter.gateway)
  if (!caller) throw new Error(`${name} is no caller`)
  const { call, close } = caller
  for (let n = 0; n < times(1_000); n++) await call(0)
  // A call in a session streams from a quarter of a second on.
  for (let n = 0; n < times(30); n++) await call(300)
  // The engine cleans up after so many calls, in the pauses between the next ones.
  await usageOfCall(meter, call, 50, times(10))
  // A stream is open anyway: what it reads and writes meanwhile does not count for a call.
  const quiet = name === OVER_SSE ? await usageOfAnHour(meter, times(40)) : undefined
  /** @type {Usage[]} */
  const found = []
  for (const [, ms, count] of TOOLS)
    found.push(without(quiet, await usageOfCall(meter, call, ms, count), ms))
  await close()
  await meter.close()
  return found
}

/**
 * @param {string} name
 * @param {number} seconds
 */
async function measureIdle(name, seconds) {
  const client = IDLE[name]
  const meter = await startMeter({ push: client?.push ?? false })
  const close = await client?.open(meter.gateway)
  // What follows the connection has passed.
  await usageOfAnHour(meter, 3)
  const usage = await usageOfAnHour(meter, seconds)
  await close?.()
  await meter.close()
  return usage
}

/**
 * The use of a call without what the open stream used at the same time.
 *
 * @param {Usage | undefined} quiet of an hour
 * @param {Usage} usage
 * @param {number} ms of the tool
 */
function without(quiet, usage, ms) {
  if (!quiet) return usage
  const hours = (ms + APART_MS) / 3_600_000
  const [reads = 0, writes = 0, requests = 0] = /** @type {const} */ ([
    'reads',
    'writes',
    'requests',
  ]).map(name => Math.max(0, usage[name] - quiet[name] * hours))
  return { ...usage, reads, writes, requests }
}

/**
 * @param {Usage} usage
 * @param {string} name
 * @param {number} toolMs
 * @param {number} memory in MB
 */
function costOfCall(usage, name, toolMs, memory) {
  const slowdown = Math.max(1, ASSUMED.megabytesOfAProcessor / memory)
  // The stream of /sse waits for the tool, and is paid for as a stream.
  const waited = name === OVER_SSE ? 0 : toolMs + ASSUMED.invokeMs
  const requests = name === OVER_SSE ? usage.writes : usage.requests
  const billedMs = waited + usage.processor * slowdown + requests * ASSUMED.tableMs
  return (
    (billedMs / 1_000) * (memory / 1_024) * PRICES.gigabyteSecond +
    usage.invocations * PRICES.invocation +
    (usage.logged / 1e9) * PRICES.logGigabyte +
    ofTables(usage)
  )
}

/**
 * @param {string} name
 * @param {Usage} usage of an hour
 * @param {number} memory in MB
 */
function costOfMonth(name, usage, memory) {
  const isOpen = name !== 'an idle client of /mcp'
  const hour =
    (isOpen ? 3_600 * (memory / 1_024) * PRICES.gigabyteSecond : 0) +
    usage.invocations * PRICES.invocation +
    ofTables(usage)
  return hour * ASSUMED.hoursOfAMonth
}

/** @param {Usage} usage */
const ofTables = ({ reads, writes }) => reads * PRICES.readUnit + writes * PRICES.writeUnit

/** @param {number} value */
const dollars = value => value.toFixed(2)

/** @param {number} value */
const round = value => (value < 100 ? Number(value.toFixed(1)) : Math.round(value)).toString()
