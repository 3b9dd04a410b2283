import { type JSONRPCMessage, Server } from '@modelcontextprotocol/server'
import { expect, test, vi } from 'vitest'
import { createSessionTransport } from '../../src/gateway/streamable/transport.ts'
import type { Relay } from '../../src/session-table/relay.ts'

/** A relay whose inboxes stay empty until their reader stops, and the ids of the open ones. */
function quietRelay() {
  const open = new Set<string>()
  const inboxOf = (id: string) => ({
    async *messages(signal: AbortSignal): AsyncGenerator<string> {
      if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve))
    },
    renew: async () => true,
    async close() {
      open.delete(id)
    },
  })
  const relay: Relay = {
    async open({ id }) {
      open.add(id)
      return inboxOf(id)
    },
    join: inboxOf,
    post: async () => true,
  }
  return { relay, open }
}

async function connect() {
  const { relay, open } = quietRelay()
  const sent: JSONRPCMessage[] = []
  const transport = createSessionTransport({
    relay,
    owner: 'o',
    heartbeatSeconds: 1,
    requestId: 'r',
    send: async message => void sent.push(message),
  })
  const server = new Server({ name: 's', version: '1' }, { capabilities: {} })
  await server.connect(transport)
  return { server, sent, open }
}

test('cancels a server request by the id that the client knows, and closes its inbox', async () => {
  const { server, sent, open } = await connect()
  await expect(server.request({ method: 'roots/list' }, { timeout: 50 })).rejects.toThrow()
  const [request, cancelled] = sent as { id?: string; params?: { requestId?: string } }[]
  expect(request?.id).toMatch(/^s-[\w-]{36}$/)
  expect(cancelled).toMatchObject({
    method: 'notifications/cancelled',
    params: { requestId: request?.id },
  })
  await vi.waitUntil(() => open.size === 0)
  await server.close()
})

test('cancels no ping: a client that has not answered it does nothing for it', async () => {
  const { server, sent, open } = await connect()
  await expect(server.request({ method: 'ping' }, { timeout: 50 })).rejects.toThrow()
  await vi.waitUntil(() => open.size === 0)
  expect(sent).toMatchObject([{ method: 'ping' }])
  await server.close()
})

test('closes the inboxes of all server requests when it is closed', async () => {
  const { server, open } = await connect()
  const pings = [1, 2].map(() => server.request({ method: 'ping' }).catch(() => 'closed'))
  await vi.waitUntil(() => open.size === 2)
  await server.close()
  expect(await Promise.all(pings)).toEqual(['closed', 'closed'])
  await vi.waitUntil(() => open.size === 0)
})
