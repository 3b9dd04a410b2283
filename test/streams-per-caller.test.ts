import { afterAll, beforeAll, expect, test } from 'vitest'

import { connect } from './support/clients.ts'
import {
  agentMonday,
  agentTuesday,
  type Gateway,
  startGateway,
  stranger,
  until,
} from './support/gateway.ts'
import { openSession } from './support/mcp-wire.ts'
import { meta, openRaw, postMcp } from './support/sse-wire.ts'

// Two streams for each principal. No client is pinged but for another one's sake.
let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    push: true,
    environment: {
      MAX_STREAMS_PER_CALLER: '2',
      HEARTBEAT_SECONDS: '200',
      IDLE_TIMEOUT_SECONDS: '800',
    },
  })
})
afterAll(() => gateway.close())

const listen = (credentials = gateway.credentials) => {
  const params = { _meta: meta, notifications: { toolsListChanged: true } }
  const request = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': request.method }
  return postMcp(gateway, request, { headers, credentials })
}

const openSse = (credentials = gateway.credentials) =>
  gateway.fetch(credentials)(new URL('sse', gateway.mcpUrl))

test('a stream whose client has left makes room for a new one, on /sse and on /mcp', async () => {
  const left = await openRaw(gateway)
  const session = await openSession(gateway)
  const leftGet = await session.get()
  expect(leftGet.status).toBe(200)

  // Neither answers pings. The one that is quiet for longest goes first.
  const second = await openRaw(gateway)
  expect(await left.ended()).toContain('event: bye\ndata: {"reason":"idle"}')
  const third = await openRaw(gateway)
  expect(await leftGet.text()).toContain('"method":"ping"')
  await Promise.all([second.close(), third.close()])
})

test('with all streams in use, /mcp gets 429 and /sse a stream that ends', async () => {
  const over = '/sse over our transport'
  const credentials = agentMonday
  const clients = [
    await connect(gateway, 'SDK 2.x', over, { credentials }),
    // Another session of the same role.
    await connect(gateway, 'SDK 1.x', over, { credentials: agentTuesday }),
  ]
  const refused = await openSse(credentials)
  expect(refused.status).toBe(200)
  expect(await refused.text()).toMatch(/^: .*MaxStreamsPerCaller.*\n\nretry: 5000\n\n$/)

  const session = await openSession(gateway, { credentials })
  for (const response of [await session.get(), await listen(credentials)]) {
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '30'])
    expect((await response.json()).error.message).toContain('MaxStreamsPerCaller')
  }
  // Another principal has its own. Requests that are no streams are not counted.
  const other = await openSse(stranger)
  expect(other.headers.get('content-type')).toBe('text/event-stream')
  await other.body?.cancel()
  const ping = await session.post({ jsonrpc: '2.0', id: 2, method: 'ping' })
  expect(ping.status).toBe(200)

  for (const { client } of clients) {
    await client.ping()
    await client.close()
  }
  // Both have left, and one of them makes room.
  const opened = await openRaw(gateway, credentials)
  expect(opened.endpoint).toContain('/message?sessionId=')
  await opened.close()
})

test('subscriptions/listen counts while it is open', async () => {
  const credentials = agentMonday
  const listening: Response[] = []
  await until(async () => {
    const response = await listen(credentials)
    if (response.status === 200) listening.push(response)
    return response.status === 429
  }, 'the limit')
  expect(listening.length).toBeLessThanOrEqual(2)
  for (const { body } of listening) await body?.cancel()
})
