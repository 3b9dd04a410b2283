// Clients of both SDKs call through a network that cuts streams, loses messages and refuses
// streams, while environments die.
//
//     npm run chaos [-- [--short] [--calls N] [--sdk 1.x|2.x] [--endpoint /sse|/mcp]]
//     npm run chaos -- --rotation [--minutes N]
//
// It fails when a call hangs, runs twice or has neither a result nor an error, and when a client
// hears of a cut through `onerror`. With --rotation the network is good and an environment lives
// for a minute: no call may fail.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { startGateway } from '../faults/gateway.mjs'
import { connectClient } from './clients.mjs'
import { between, startNetwork } from './network.mjs'

/** @typedef {import('./clients.mjs').Sdk} Sdk */
/** @typedef {import('./clients.mjs').Endpoint} Endpoint */

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rotation: { type: 'boolean', default: false },
    calls: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    sdk: { type: 'string', default: '' },
    endpoint: { type: 'string', default: '' },
  },
})

const WORKERS = 8
/** How long the function runs. @type {[number, number]} */
const RUN_MS = [20, 420]
/** @type {import('./network.mjs').Weather} */
const CHAOS = { cutMs: [400, 800], lost: 0.2, refused: 0.3 }
/** Between two environments that die. @type {[number, number]} */
const KILL_MS = values.short ? [800, 1_600] : [2_000, 6_000]

/** @type {[Endpoint, Sdk, number][]} */
const RUNS = values.short
  ? [
      ['/sse', '1.x', 16],
      ['/sse', '2.x', 16],
      ['/mcp 2025-11-25', '2.x', 8],
    ]
  : [
      ['/sse', '1.x', 1_500],
      ['/sse', '2.x', 1_500],
      ['/mcp 2025-11-25', '1.x', 1_500],
      ['/mcp 2025-11-25', '2.x', 1_500],
      ['/mcp 2026-07-28', '2.x', 500],
    ]

const gateway = await startGateway(
  // A lease of 6 seconds: so long it takes to notice that an environment died.
  values.rotation ? {} : { HEARTBEAT_SECONDS: '1', MAX_STREAMS_PER_CALLER: '0' },
  values.rotation ? { timeouts: { mcp: 60, functions: 60 } } : {},
)
const network = await startNetwork(gateway.mcpUrl)
let isRight = true
try {
  if (values.rotation) await rotate()
  else await breakEverything()
} finally {
  await network.close()
  await gateway.close()
}
console.log(isRight ? 'chaos: nothing hung, lost or run twice' : 'chaos: see the table')
process.exit(isRight ? 0 : 1)

async function breakEverything() {
  const columns = 'calls, results, errors, lost, twice, hung, onerror, closed, p50, p99'
  console.log(`| endpoint | SDK | ${columns.replaceAll(',', ' |')} | network |`)
  console.log(`|${' --- |'.repeat(13)}`)
  for (const [endpoint, sdk, planned] of RUNS) {
    if (!endpoint.startsWith(values.endpoint) || !sdk.startsWith(values.sdk)) continue
    // A client that cannot connect is no fault, but its first stream is cut, too.
    network.weather = { cutMs: [400, 800] }
    network.counts = { cuts: 0, lost: 0, refused: 0 }
    const client = await connectClient(gateway, { url: network.url, sdk, endpoint })
    network.weather = CHAOS
    const killed = { count: 0 }
    const over = new AbortController()
    const ended = () => client.counts().results + client.counts().errors
    const dying = endpoint === '/sse' ? 'GET /sse' : 'POST /mcp'
    const killing = kill(dying, { killed, ended, signal: over.signal })
    let left = Number(values.calls ?? planned)
    const workers = Array.from({ length: WORKERS }, async () => {
      while (left-- > 0) await client.call(between(RUN_MS))
    })
    await Promise.all(workers)
    over.abort()
    await killing
    network.weather = {}
    const { cuts, lost: lostPosts, refused } = network.counts
    const weather = `${cuts} cuts, ${lostPosts} messages lost, ${refused} streams refused, ${killed.count} environments killed`
    // A function that outlives its caller notes its run.
    await sleep(500)
    const counts = client.counts()
    const { calls, results, errors, lost, twice, hung, onerror, closed, p50, p99 } = counts
    const row = [calls, results, errors, lost, twice, hung, onerror, closed, p50, p99]
    console.log(`| ${[endpoint, sdk, ...row, weather].join(' | ')} |`)
    if (counts.reasons) console.error(`  ${counts.reasons}`)
    if (lost + twice + hung + onerror + closed > 0 || results + errors !== calls) isRight = false
    await client.close()
  }
}

/**
 * Kills an environment again and again. On a busy machine no call could end before the next one
 * dies, so a call ends between two.
 *
 * @param {string} request whose environments die
 * @param {{ killed: { count: number }, ended: () => number, signal: AbortSignal }} options
 */
async function kill(request, { killed, ended, signal }) {
  for (let before = -1; !signal.aborted; ) {
    await sleep(between(KILL_MS), undefined, { signal }).catch(() => {})
    if (signal.aborted || ended() === before) continue
    before = ended()
    if (gateway.kill(request)) killed.count += 1
  }
}

async function rotate() {
  const until = Date.now() + Number(values.minutes) * 60_000
  const runs = /** @type {[Endpoint, Sdk][]} */ ([
    ['/sse', '1.x'],
    ['/sse', '2.x'],
    ['/mcp 2025-11-25', '1.x'],
    ['/mcp 2025-11-25', '2.x'],
  ])
  await Promise.all(
    runs.map(async ([endpoint, sdk]) => {
      const client = await connectClient(gateway, { url: network.url, sdk, endpoint })
      // Calls follow each other, and some are so long that the stream rotates while they run.
      const quick = async () => {
        while (Date.now() < until) {
          await client.call(between([50, 500]))
          await sleep(between([0, 1_000]))
        }
      }
      const slow = async () => {
        while (Date.now() < until) await client.call(between([5_000, 15_000]))
      }
      await Promise.all([quick(), slow()])
      const { calls, results, errors, lost, twice, hung, onerror, reasons } = client.counts()
      const streams = gateway.invocationsOf('GET /sse')
      console.log(
        `${endpoint}, SDK ${sdk}: ${calls} calls, ${results} results, ${errors} errors, ${lost} lost, ${twice} twice, ${hung} hung, ${onerror} onerror; ${streams} streams of /sse so far`,
      )
      if (reasons) console.error(`  ${reasons}`)
      if (errors + lost + twice + hung + onerror > 0) isRight = false
      await client.close()
    }),
  )
}
