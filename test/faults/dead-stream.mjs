// The environment of a stream has died. Messages for it are refused soon.
import { setTimeout as sleep } from 'node:timers/promises'
import { createLedger } from './calls.mjs'
import { works } from './kills.mjs'

/** @typedef {import('./gateway.mjs').Gateway} Gateway */

/** Posts are refused at most so long after the last heartbeat of the stream. */
const REFUSED_MS = 20_000
/** A post takes a moment itself. */
const MARGIN_MS = 2_000

/** @param {Gateway} gateway */
export async function* deadStream(gateway) {
  const { fetch, mcpUrl } = gateway
  const stream = await fetch(new URL('sse', mcpUrl))
  const reader = stream.body?.getReader()
  const text = new TextDecoder().decode((await reader?.read())?.value)
  const [, endpoint = ''] = /data: (\S+)/.exec(text) ?? []
  gateway.kill('GET /sse')
  const died = performance.now()
  let status = 202
  let accepted = 0
  while (status === 202 && performance.now() - died < REFUSED_MS + MARGIN_MS) {
    const response = await fetch(new URL(endpoint, mcpUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: accepted, method: 'ping' }),
    })
    status = response.status
    if (status === 202) accepted += 1
    await sleep(500)
  }
  const ledger = createLedger(gateway)
  await works(ledger, '/sse')
  const counts = ledger.counts()
  const seconds = Math.round((performance.now() - died) / 1000)
  const hung = status === 404 ? 0 : 1
  yield {
    fault: `posts to a dead stream: ${status} after ${seconds} s`,
    endpoint: '/sse',
    ...counts,
    hung,
  }
}
