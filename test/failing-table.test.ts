import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

import { connect } from './support/clients.ts'
import { functionArn, type Gateway, sharing, startGateway } from './support/gateway.ts'
import { answerOf, openSession, type RawSession } from './support/mcp-wire.ts'
import { initialize, initialized, meta, openRaw, postMcp, postRaw } from './support/sse-wire.ts'

/** Decides whether DynamoDB throttles a request, or cuts the connection after it has done it. */
let fate: (operation: string, body: string) => 'throttle' | 'lose' | undefined
let tables: Gateway
let gateway: Gateway
let edge: Server
let environment: Record<string, string>

/** A gateway whose connection to DynamoDB fails when the test says so. */
beforeAll(async () => {
  tables = await startGateway()
  edge = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming)
    const operation = String(incoming.headers['x-amz-target']).split('.').pop() ?? ''
    const decided = fate(operation, body.toString())
    if (decided === 'throttle') {
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      const type = 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException'
      return void outgoing.end(JSON.stringify({ __type: type, message: 'arn:aws:secret' }))
    }
    const { method, url, headers } = incoming
    const passed = request(new URL(url ?? '/', tables.dynamodbUrl), { method, headers })
    passed.end(body)
    const [answer] = (await once(passed, 'response')) as [IncomingMessage]
    const content = await buffer(answer)
    if (decided === 'lose') return void outgoing.destroy()
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(content)
  }).listen(0, '127.0.0.1')
  await once(edge, 'listening')
  const { port } = edge.address() as AddressInfo
  environment = { ...sharing(tables), AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}/` }
  gateway = await startGateway({ push: true, environment })
  await tables.admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
})
afterEach(() => {
  fate = () => undefined
})
afterAll(async () => {
  await gateway?.close()
  edge?.closeAllConnections()
  edge?.close()
  await tables?.close()
})
fate = () => undefined

const call = (id: string) => ({
  ...{ jsonrpc: '2.0', id, method: 'tools/call' },
  params: { name: 'echo', arguments: { text: id } },
})

async function expectUnavailable(response: Response) {
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  const text = await response.text()
  expect(JSON.parse(text).error).toMatchObject({ code: 'service_unavailable' })
  expect(text).not.toContain('secret')
}

test('every request that needs a throttled table is 503, and says when to come again', async () => {
  const stream = await openRaw(gateway)
  const session: RawSession = await openSession(gateway)
  fate = () => 'throttle'
  await expectUnavailable(await gateway.fetch()(new URL('sse', gateway.mcpUrl)))
  await expectUnavailable(await postRaw(gateway, stream.endpoint, initialize))
  await expectUnavailable(await session.post(call('in a session')))
  await expectUnavailable(await session.get())
  await expectUnavailable(await gateway.fetch()(new URL('register', gateway.registrationUrl)))
  fate = () => undefined
  await stream.close()
})

test('a new environment without a table is 503 for a call without a session, too', async () => {
  fate = () => 'throttle'
  const message = call('alone')
  const params = { ...message.params, _meta: meta }
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
  }
  // Environments that are warm answer from their cache.
  const responses = await Promise.all(
    Array.from({ length: 8 }, () => postMcp(gateway, { ...message, params }, { headers })),
  )
  const refused = responses.filter(it => it.status !== 200)
  expect(refused.length).toBeGreaterThan(0)
  for (const response of refused) await expectUnavailable(response)
})

test('a message whose write is throttled is not taken, and one that is sent again runs once', async () => {
  const stream = await openRaw(gateway)
  for (const message of [initialize, initialized]) await postRaw(gateway, stream.endpoint, message)
  const before = tables.invocations.length
  fate = (_, body) => (body.includes('list_append') ? 'throttle' : undefined)
  await expectUnavailable(await postRaw(gateway, stream.endpoint, call('again')))
  fate = () => undefined
  expect((await postRaw(gateway, stream.endpoint, call('again'))).status).toBe(202)
  await stream.read(/"id":"again"/)
  const runs = tables.invocations.slice(before).filter(it => it.functionName === 'echo')
  expect(runs).toHaveLength(1)
  await stream.close()
})

test('a message whose write has no response is accepted, and runs once', async () => {
  const stream = await openRaw(gateway)
  for (const message of [initialize, initialized]) await postRaw(gateway, stream.endpoint, message)
  const before = tables.invocations.length
  fate = (_, body) => (body.includes('list_append') ? 'lose' : undefined)
  expect((await postRaw(gateway, stream.endpoint, call('lost'))).status).toBe(202)
  fate = () => undefined
  await stream.read(/"id":"lost"/)
  const runs = tables.invocations.slice(before).filter(it => it.functionName === 'echo')
  expect(runs).toHaveLength(1)
  await stream.close()
})

test.each(['/sse over our transport', '/mcp over our transport'] as const)(
  'our client, %s, sends again what a throttled table refused',
  async over => {
    const { client } = await connect(gateway, 'SDK 2.x', over)
    // The gateway itself tries four times. Its streams use the table all the time, and `GET /mcp`
    // reads the session too.
    let left = over.startsWith('/sse') ? 5 : 12
    const needed = over.startsWith('/sse') ? /list_append/ : /^(?!.*Expression).*"mcp#[^#]*"/
    fate = (_, body) => (needed.test(body) && left-- > 0 ? 'throttle' : undefined)
    const { structuredContent } = await client.callTool({
      name: 'echo',
      arguments: { text: 'throttled' },
    })
    expect(left).toBeLessThan(0)
    expect(structuredContent).toMatchObject({ event: { text: 'throttled' } })
    await client.close()
  },
)

test('a call that cannot be counted is 503 with RateLimitFailure closed, and runs with open', async () => {
  await tables.admin.registerTool({
    name: 'limited',
    lambdaArn: functionArn('echo'),
    rateLimit: { perSecond: 100 },
  })
  const closed = await startGateway({
    environment: { ...environment, RATE_LIMIT_FAILURE: 'closed' },
  })
  const inOpen = await openSession(gateway)
  const inClosed = await openSession(closed)
  const limited = (id: string) => ({ ...call(id), params: { name: 'limited' } })
  const before = tables.invocations.length
  fate = (_, body) => (body.includes('rate#tool-limited') ? 'lose' : undefined)
  await expectUnavailable(await inClosed.post(limited('closed')))
  expect((await answerOf(await inOpen.post(limited('open')))).result).toBeDefined()
  fate = () => undefined
  expect((await answerOf(await inClosed.post(limited('counted')))).result).toBeDefined()
  const runs = tables.invocations.slice(before).filter(it => it.functionName === 'echo')
  expect(runs).toHaveLength(2)
  await closed.close()
})
