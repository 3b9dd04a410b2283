// Whether a gateway stays as it is under a steady load: open /sse streams whose clients make a call
// now and then, and requests on /mcp, half of them in a session.
//
//     npm run soak [-- --minutes 30 --streams 15 --rate 5]
//
// It samples the memory and the handles of the environments and the live items of the session
// table. The first third of the run is warm-up. The exit code is 1 when the last third has more
// memory or handles than the second (see GROWTH), when the table has more items than the messages
// of the last 15 minutes explain (see mostItems), or when a request failed.
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { liveItems } from './emulated-table.mjs'
import { handles, residentMegabytes } from './environments.mjs'
import { CALL, check, MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { table } from './table.mjs'
import { median } from './turns.mjs'

const SAMPLE_MS = 5_000
/** An /sse client makes a call once in this time. */
const CALL_EVERY_MS = 10_000

/**
 * What each figure of the last third may have more than that of the second, as a factor and more.
 */
const GROWTH = {
  'MB of all environments': { factor: 1.1, more: 10 },
  'MB of the largest': { factor: 1.1, more: 10 },
  'handles of all environments': { factor: 1, more: 20 },
}
const ITEMS = 'live items of the session table'
/** An item that a message leaves, against a second delivery of it, lives so long. */
const KEEP_MS = 15 * 60_000

/** @typedef {Record<keyof typeof GROWTH | typeof ITEMS, number>} Sample */

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    streams: { type: 'string', default: '15' },
    rate: { type: 'string', default: '5' },
  },
})
const [minutes = 0, streams = 0, rate = 0] = [values.minutes, values.streams, values.rate].map(
  Number,
)
if (!(minutes > 0 && streams >= 0 && rate > 0)) throw new Error('The options are numbers above 0')

const gateway = await startGateway({ concurrency: streams + 40 })
const end = performance.now() + minutes * 60_000
const done = { calls: 0, requests: 0, reconnects: 0 }
/** @type {string[]} */
const failures = []

const work = [...Array.from({ length: streams }, keepStream), sendRequests()]
const samples = await sample()
await Promise.all(work)
await gateway.close()
process.exitCode = report(samples) ? 0 : 1

async function keepStream() {
  // The clients do not start or call at the same moment.
  await sleep(Math.random() * CALL_EVERY_MS)
  while (performance.now() < end) {
    const client = new Client({ name: 'soak', version: '1.0.0' })
    let isOpen = true
    client.onclose = () => {
      isOpen = false
    }
    await tried(() => client.connect(new SigV4SseTransport(gateway.mcpUrl, gateway)))
    while (isOpen && performance.now() < end) {
      if (await tried(async () => check(await client.callTool(CALL)))) done.calls++
      await sleep(CALL_EVERY_MS)
    }
    if (!isOpen) done.reconnects++
    await client.close()
  }
}

async function sendRequests() {
  const clients = [modernClient(gateway), await sessionClient(gateway)]
  /** @type {Set<Promise<unknown>>} */
  const running = new Set()
  for (let n = 0; performance.now() < end; n++) {
    const send = clients[n % clients.length]
    const request = tried(async () => check(await send?.('tools/call', CALL))).then(isDone => {
      if (isDone) done.requests++
      running.delete(request)
    })
    running.add(request)
    await sleep(1_000 / rate)
  }
  await Promise.all(running)
}

/** @param {() => Promise<unknown>} run */
async function tried(run) {
  try {
    await run()
    return true
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error))
    return false
  }
}

async function sample() {
  /** @type {Sample[]} */
  const found = []
  while (performance.now() < end) {
    await sleep(SAMPLE_MS)
    const megabytes = gateway.pids(MCP).map(residentMegabytes)
    found.push({
      'MB of all environments': total(megabytes),
      'MB of the largest': Math.max(0, ...megabytes),
      'handles of all environments': total(gateway.pids(MCP).map(handles)),
      [ITEMS]: await liveItems(gateway.dynamodbUrl),
    })
  }
  return found
}

/** @param {number[]} values */
function total(values) {
  return values.reduce((sum, it) => sum + it, 0)
}

/** A few items of each stream, and the items that messages over /sse leave for a while. */
function mostItems() {
  const messages = (streams * Math.min(minutes * 60_000, KEEP_MS)) / CALL_EVERY_MS
  return 20 + 5 * streams + 1.2 * messages
}

/** @param {Sample[]} samples whether they stay within the bounds of growth */
function report(samples) {
  const third = Math.floor(samples.length / 3)
  const thirds = [0, 1, 2].map(n => samples.slice(n * third, (n + 1) * third))
  let isFlat = true
  const rows = [...Object.entries(GROWTH), /** @type {const} */ ([ITEMS, undefined])].map(
    ([name, growth]) => {
      const [first = 0, second = 0, last = 0] = thirds.map(it =>
        median(it.map(at => at[/** @type {keyof Sample} */ (name)])),
      )
      const most = growth ? second * growth.factor + growth.more : mostItems()
      if (!(last <= most)) isFlat = false
      return [name, ...[first, second, last, most].map(it => it.toFixed(0))]
    },
  )
  console.log(
    `${minutes} minutes, ${streams} /sse clients, ${rate} requests per second; load ${loadavg()[0]?.toFixed(0)}. Done: ${done.requests} requests, ${done.calls} calls over /sse, ${done.reconnects} reconnects, ${failures.length} failures.\n`,
  )
  console.log(table(['medians', 'first third', 'second', 'last', 'at most'], rows))
  for (const failure of failures.slice(0, 10)) console.log(`failed: ${failure}`)
  console.log(`\nsoak: ${isFlat ? 'flat' : 'GROWING'}, ${failures.length} failed`)
  return isFlat && failures.length === 0
}
