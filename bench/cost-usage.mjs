// What calls, streams and idle clients use: invocations, processor time and table units, counted
// on the local gateway.
import { setTimeout as sleep } from 'node:timers/promises'

import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

import { processorMs } from './environments.mjs'
import { MCP, startGateway } from './gateway.mjs'
import { modernClient, sessionClient } from './requests.mjs'
import { between, startTableTraffic } from './table-traffic.mjs'

/** A call after so long reads the registry version, as a call of a client that is seldom used. */
export const APART_MS = 1_100

/** @typedef {Awaited<ReturnType<typeof startMeter>>} Meter */
/**
 * @typedef {{
 *   reads: number, writes: number, requests: number, invocations: number, processor: number,
 *   logged: number,
 * }} Usage
 */

/**
 * A gateway whose use is measured.
 *
 * @param {import('@markvp/mcp-lambda-sam/local').LocalOptions} [options]
 */
export async function startMeter(options = {}) {
  const traffic = await startTableTraffic()
  let [invocations, logged] = [0, 0]
  /** The environment of an open stream is paid for as long as it is open. */
  let stream = 0
  const gateway = await startGateway({
    environment: { AWS_ENDPOINT_URL_DYNAMODB: traffic.url },
    log(entry) {
      if (entry.functionName === MCP) logged += entry.message.length
    },
    onEach({ functionName, method, pid }) {
      if (functionName !== MCP) return
      invocations++
      if (method === 'GET') stream = pid
    },
    onStart: ({ dynamodbUrl }) => traffic.to(dynamodbUrl),
    ...options,
  })
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:wait',
    parameters: { ms: 'integer' },
  })
  const now = () => ({
    ...traffic.read(),
    invocations,
    logged,
    processor: gateway
      .pids(MCP)
      .filter(pid => pid !== stream)
      .reduce((total, pid) => total + processorMs(pid), 0),
  })
  return { gateway, during, close }

  /**
   * What is used while `run` runs.
   *
   * @param {() => Promise<unknown>} run
   * @returns {Promise<Usage>}
   */
  async function during(run) {
    const before = now()
    await run()
    const after = now()
    return {
      ...between(before, after),
      invocations: after.invocations - before.invocations,
      logged: after.logged - before.logged,
      processor: after.processor - before.processor,
    }
  }

  async function close() {
    await gateway.close()
    traffic.close()
  }
}

/**
 * Clients that call the tool `wait`, with a way to close them.
 *
 * @type {Record<string, (gateway: Meter['gateway']) => Promise<{
 *   call: (ms: number) => Promise<unknown>,
 *   close: () => unknown,
 * }>>}
 */
export const CALLERS = {
  '2026-07-28': async gateway => {
    const send = modernClient(gateway)
    return { call: ms => send('tools/call', wait(ms)), close() {} }
  },
  'in a session': async gateway => {
    const send = await sessionClient(gateway)
    return { call: ms => send('tools/call', wait(ms)), close() {} }
  },
  'over /sse': async gateway => {
    const client = await openSse(gateway)
    return { call: ms => client.callTool(wait(ms)), close: () => client.close() }
  },
}

/** @param {number} ms */
const wait = ms => ({ name: 'wait', arguments: { ms } })

/**
 * What one call uses, when calls are apart.
 *
 * @param {Meter} meter
 * @param {(ms: number) => Promise<unknown>} call
 * @param {number} ms of the tool
 * @param {number} count of calls
 */
export async function usageOfCall(meter, call, ms, count) {
  await call(ms)
  await sleep(APART_MS)
  const used = await meter.during(async () => {
    for (let n = 0; n < count; n++) {
      await call(ms)
      await sleep(APART_MS)
    }
  })
  return /** @type {Usage} */ (
    Object.fromEntries(Object.entries(used).map(([name, value]) => [name, value / count]))
  )
}

/**
 * What an hour of waiting uses.
 *
 * @param {Meter} meter
 * @param {number} seconds
 */
export async function usageOfAnHour(meter, seconds) {
  const used = await meter.during(() => sleep(seconds * 1_000))
  return /** @type {Usage} */ (
    Object.fromEntries(
      Object.entries(used).map(([name, value]) => [name, (value * 3_600) / seconds]),
    )
  )
}

/**
 * Clients that are connected and send nothing.
 *
 * @type {Record<string, { push: boolean, open(gateway: Meter['gateway']): Promise<() => unknown> }>}
 */
export const IDLE = {
  'an idle client of /mcp': {
    push: false,
    open: closeOf(openSession),
  },
  'an open /sse stream': { push: false, open: closeOf(openSse) },
  'the same with ServerPush': { push: true, open: closeOf(openSse) },
  'an open GET /mcp, with ServerPush': {
    push: true,
    open: closeOf(openSession),
  },
  'a subscriptions/listen, with ServerPush': {
    push: true,
    async open(gateway) {
      const abort = new AbortController()
      // It is not awaited: it ends with the measurement.
      void modernClient(gateway, abort.signal)('subscriptions/listen', {
        notifications: { toolsListChanged: true },
      }).catch(() => {})
      return () => abort.abort()
    },
  },
}

/**
 * @param {(gateway: Meter['gateway']) => Promise<Client>} open
 * @returns {(gateway: Meter['gateway']) => Promise<() => unknown>}
 */
function closeOf(open) {
  return async gateway => {
    const client = await open(gateway)
    return () => client.close()
  }
}

/** @param {Meter['gateway']} gateway */
async function openSse(gateway) {
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(new SigV4SseTransport(gateway.mcpUrl, gateway))
  return client
}

/** @param {Meter['gateway']} gateway */
async function openSession(gateway) {
  const client = new Client({ name: 'bench', version: '1.0.0' })
  await client.connect(new SigV4StreamableHttpTransport(gateway.mcpUrl, gateway))
  return client
}
