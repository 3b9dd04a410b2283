import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { callTool, connect, OVER, SDKS } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { answerOf, eventsOf, openSession } from './support/mcp-wire.ts'
import {
  initialize,
  initialized,
  messagesIn,
  meta,
  openRaw,
  postMcp,
  postRaw,
} from './support/sse-wire.ts'
import { startTablesProxy } from './support/tables-proxy.ts'

// Push is off, as it is by default.
let gateway: Gateway
let tables: Awaited<ReturnType<typeof startTablesProxy>>
beforeAll(async () => {
  tables = await startTablesProxy()
  gateway = await startGateway({ environment: { AWS_ENDPOINT_URL_DYNAMODB: tables.url } })
  tables.to(gateway.dynamodbUrl)
  const lambdaArn = functionArn('notes')
  await gateway.admin.registerResource({ name: 'board', lambdaArn, uri: 'board://main' })
})
afterAll(async () => {
  await gateway?.close()
  tables?.close()
})

/** The requests to the Registration table, from one on. */
const ofRegistry = (from: number) =>
  tables.requests.slice(from).filter(it => String(it.input['TableName']).includes('Registration'))

const cells = SDKS.flatMap(sdk => OVER.map(over => [sdk, over] as const)).filter(
  // Protocol version 2026-07-28 has no /sse.
  ([sdk, over]) => !(sdk.includes('2026') && over.startsWith('/sse')),
)

test.each(cells)('without push, %s is told of no notifications on %s', async (sdk, over) => {
  const { client } = await connect(gateway, sdk, over)
  const { tools, resources, prompts } = client.getServerCapabilities() ?? {}
  expect({ tools, resources, prompts }).toEqual({ tools: {}, resources: {}, prompts: {} })
  expect((await client.listResources()).resources).toHaveLength(1)
  await client.close()
})

test('without push, clients of /mcp that stay connected hold no environment', async () => {
  // Fewer than clients: a client opens with three requests at once, and a call takes two units.
  const small = await startGateway({ concurrency: 4 })
  try {
    await small.admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
    const clients: Awaited<ReturnType<typeof connect>>[] = []
    for (const [sdk, over] of cells.filter(([, over]) => over.startsWith('/mcp'))) {
      // Until the last requests have ended, which official clients do not wait for, one more can
      // be refused. It is refused for good where a client holds an environment.
      const connected = await vi.waitFor(() => connect(small, sdk, over))
      await vi.waitFor(() => connected.client.listTools())
      clients.push(connected)
      // Every one that is connected, this one last, can call.
      for (const { client } of clients) {
        const { isError } = await vi.waitFor(() =>
          callTool(client, { name: 'echo', arguments: {} }, {}),
        )
        expect(isError).toBeFalsy()
      }
    }
    for (const { client } of clients) await client.close()
  } finally {
    await small.close()
  }
})

test('without push, GET /mcp is 405 and names the parameter, and resumes responses', async () => {
  const session = await openSession(gateway)
  for (const eventId of [undefined, 'get.1']) {
    const response = await session.get(eventId)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST, DELETE'])
    expect((await response.json()).error.message).toContain('ServerPush')
  }
  // An event of a response: this one is unknown.
  expect((await session.get('AAAAAAAAAAAAAAAA.1')).status).toBe(400)
})

test('without push, resources/subscribe is a method that is not there', async () => {
  const session = await openSession(gateway)
  const params = { uri: 'board://main' }
  for (const method of ['resources/subscribe', 'resources/unsubscribe']) {
    const { error } = await answerOf(
      await session.post({ jsonrpc: '2.0', id: method, method, params }),
    )
    expect(error?.code).toBe(-32601)
  }
})

test('without push, subscriptions/listen is acknowledged empty, and ends at once', async () => {
  const notifications = {
    toolsListChanged: true,
    resourcesListChanged: true,
    resourceSubscriptions: ['board://main'],
  }
  const params = { _meta: meta, notifications }
  const request = { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params }
  const before = tables.requests.length
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': request.method }
  const [acknowledged, result] = await messagesIn(await postMcp(gateway, request, { headers }))
  expect(acknowledged).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: {} },
  })
  expect(result).toMatchObject({ id: 7, result: { resultType: 'complete' } })
  // A new environment may read the registry version once.
  expect(ofRegistry(before).length).toBeLessThanOrEqual(1)
})

test('without push, the stream of /sse does not read the registry', async () => {
  const stream = await openRaw(gateway)
  await postRaw(gateway, stream.endpoint, initialize)
  await postRaw(gateway, stream.endpoint, initialized)
  await stream.read(/"id":1,?/)
  const before = tables.requests.length
  const polls = () => tables.requests.slice(before).filter(it => it.operation === 'GetItem')
  await until(() => polls().length > 20, 'inbox polls')
  expect(ofRegistry(before)).toEqual([])
  await stream.close()
})

test('with push, a client is told of all notifications', async () => {
  const push = await startGateway({ push: true })
  const session = await openSession(push)
  const response = await session.get()
  expect(response.status).toBe(200)
  await eventsOf(response).close()
  const { client } = await connect(push, 'SDK 2.x', '/mcp over our transport')
  expect(client.getServerCapabilities()).toMatchObject({
    tools: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    prompts: { listChanged: true },
  })
  await client.close()
  await push.close()
})
