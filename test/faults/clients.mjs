// Clients that hang up, do not read, reconnect all at once, or call too often.
import { createLedger, ENDPOINTS } from './calls.mjs'
import { works } from './kills.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */
/** @typedef {import('./calls.mjs').Endpoint} Endpoint */

/**
 * Half of the clients hang up while their calls run. The others get their results.
 *
 * @param {Gateway} gateway
 * @param {{ endpoints?: readonly Endpoint[], clients?: number, calls?: number }} [options]
 */
export async function* hangUp(gateway, { endpoints = ENDPOINTS, clients = 20, calls = 5 } = {}) {
  for (const endpoint of endpoints) {
    const [gone, ledger] = [createLedger(gateway), createLedger(gateway)]
    await Promise.all(
      Array.from({ length: clients }, async (_, n) => {
        if (n % 2 === 0) {
          const client = await gone.connect(endpoint)
          void client.call({ ms: 400 })
          await new Promise(resolve => setTimeout(resolve, 100))
          return client.close()
        }
        const client = await ledger.connect(endpoint)
        for (let made = 0; made < calls; made++) await client.call({ ms: 100 })
        return client.close()
      }),
    )
    await works(ledger, endpoint)
    yield { fault: 'clients hang up', endpoint, ...ledger.counts() }
  }
}

/**
 * Clients connect, call and hang up again and again, all at once.
 *
 * @param {Gateway} gateway
 * @param {{ clients?: number, times?: number }} [options]
 */
export async function* reconnect(gateway, { clients = 10, times = 5 } = {}) {
  for (const endpoint of ENDPOINTS) {
    const ledger = createLedger(gateway)
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let n = 0; n < times; n++) {
          const client = await ledger.connect(endpoint)
          await client.call()
          await client.close()
        }
      }),
    )
    yield { fault: 'reconnect storm', endpoint, ...ledger.counts() }
  }
}

/**
 * One client has many calls in flight.
 *
 * @param {Gateway} gateway
 * @param {{ endpoints?: readonly Endpoint[], calls?: number }} [options]
 */
export async function* flood(gateway, { endpoints = ENDPOINTS, calls = 1_000 } = {}) {
  for (const endpoint of endpoints) {
    const ledger = createLedger(gateway)
    const client = await ledger.connect(endpoint)
    await Promise.all(Array.from({ length: calls }, () => client.call({ ms: 20 })))
    await client.close()
    await works(ledger, endpoint)
    yield { fault: `${calls} calls in flight`, endpoint, ...ledger.counts() }
  }
}

/**
 * A client of `/sse` asks for much and reads nothing for a while, then reads all.
 *
 * @param {Gateway} gateway
 * @param {{ calls?: number, size?: number }} [options]
 */
export async function* readSlowly(gateway, { calls = 40, size = 3_000_000 } = {}) {
  const { fetch, mcpUrl, log } = gateway
  const signal = AbortSignal.timeout(SLOW_MS)
  const stream = await fetch(new URL('sse', mcpUrl), { signal })
  const reader = stream.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  const more = async () => {
    const { done = true, value } = (await reader?.read().catch(isTimeUp)) ?? {}
    text += decoder.decode(value, { stream: true })
    return !done
  }
  while (!text.includes('sessionId=') && (await more()));
  const [, endpoint = ''] = /data: (\S+)/.exec(text) ?? []
  const post = async (/** @type {object} */ message) => {
    const { status } = await fetch(new URL(endpoint, mcpUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      signal,
    })
    if (status !== 202) throw new Error(`POST /message: ${status}`)
  }
  await post({ id: 'initialize', method: 'initialize', params: INITIALIZE })
  await post({ method: 'notifications/initialized' })
  for (let n = 0; n < calls; n++) {
    const id = `slow-${n}-${endpoint}`
    const params = { name: 'note', arguments: { id, log, size } }
    await post({ id: `call-${n}`, method: 'tools/call', params })
  }
  // Everything that the gateway keeps for this client, it keeps now.
  await new Promise(resolve => setTimeout(resolve, 3_000))
  /** @type {Map<string, number>} */
  const answered = new Map()
  text = ''
  while (answered.size < calls && (await more())) {
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, id] = /"id":"(call-\d+)"/.exec(block.slice(0, 200) + block.slice(-200)) ?? []
      if (id) answered.set(id, (answered.get(id) ?? 0) + 1)
    }
  }
  await reader?.cancel().catch(isTimeUp)
  const runs = gateway.runs()
  const doubled = [...answered.values()].filter(it => it > 1).length
  const twice = [...runs].filter(([id, count]) => id.startsWith('slow-') && count > 1).length
  const counts = {
    calls,
    results: answered.size,
    errors: 0,
    lost: 0,
    doubled: doubled + twice,
    hung: calls - answered.size,
  }
  yield { fault: `${calls} × ${size / 1e6} MB not read`, endpoint: '/sse', ...counts }
}

/** All that the reader was late for comes within this time. */
const SLOW_MS = 90_000

/** What has not come by then does not count. */
function isTimeUp(/** @type {Error} */ error) {
  if (error.name !== 'TimeoutError') throw error
  return undefined
}

const INITIALIZE = {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'faults', version: '1' },
}
