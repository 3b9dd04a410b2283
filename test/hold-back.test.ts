import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { connect, OVER, SDKS } from './support/clients.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { eventsOf, openSession } from './support/mcp-wire.ts'
import { initialize, initialized, meta, openRaw, postMcp, postRaw } from './support/sse-wire.ts'

// Each chunk of a stream is delivered with the next one. Without heartbeats and pings an event
// arrives only if the gateway pushes it out.
let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    holdBack: true,
    push: true,
    environment: { HEARTBEAT_SECONDS: '600', IDLE_TIMEOUT_SECONDS: '840' },
  })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    inputSchema: { type: 'object' },
  })
})
afterAll(() => gateway.close())

const waitingFile = () => join(tmpdir(), randomUUID())
const callOf = (id: string, file: string, more: object = {}) => ({
  ...{ jsonrpc: '2.0', id, method: 'tools/call' },
  params: {
    name: 'contract',
    arguments: { mode: 'wait', file },
    _meta: { progressToken: 'token' },
    ...more,
  },
})

test('on /sse every event arrives before the next one is written', async () => {
  const stream = await openRaw(gateway)
  const post = (message: object) => postRaw(gateway, stream.endpoint, message)
  await post(initialize)
  await stream.read(/serverInfo/)
  await post(initialized)
  const file = waitingFile()
  await post(callOf('waiting', file))
  await stream.read(/half way/)
  writeFileSync(file, '')
  await stream.read(/"id":"waiting"/)
  await stream.close()
})

test('on a response stream and on GET /mcp every event arrives before the next one', async () => {
  const session = await openSession(gateway)
  const quiet = await session.get()
  expect(quiet.status).toBe(200)
  const file = waitingFile()
  const events = eventsOf(await session.post(callOf('waiting', file)))
  await events.message(it => it.method === 'notifications/progress')
  writeFileSync(file, '')
  await events.message(it => it.id === 'waiting')

  await gateway.admin.registerTool({
    name: 'another',
    lambdaArn: functionArn('contract'),
    parameters: {},
  })
  const news = eventsOf(quiet)
  await news.message(it => it.method === 'notifications/tools/list_changed')
  await news.close()
})

test('in protocol version 2026-07-28 every event arrives before the next one', async () => {
  const file = waitingFile()
  const _meta = { ...meta, progressToken: 'token' }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' }
  const response = await postMcp(gateway, callOf('waiting', file, { _meta }), {
    headers: { ...headers, 'mcp-name': 'contract' },
  })
  const events = eventsOf(response)
  await events.message(it => it.method === 'notifications/progress')
  writeFileSync(file, '')
  await events.message(it => it.id === 'waiting')

  const listen = {
    ...{ jsonrpc: '2.0', id: 'listen', method: 'subscriptions/listen' },
    params: { _meta: meta, notifications: { toolsListChanged: true } },
  }
  const listening = eventsOf(
    await postMcp(gateway, listen, { headers: { ...headers, 'mcp-method': listen.method } }),
  )
  await listening.message(it => it.method === 'notifications/subscriptions/acknowledged')
  await gateway.admin.registerTool({
    name: 'third',
    lambdaArn: functionArn('contract'),
    parameters: {},
  })
  await listening.message(it => it.method === 'notifications/tools/list_changed')
  await listening.close()
})

test.each(
  SDKS.flatMap(sdk => OVER.map(over => [sdk, over] as const)).filter(
    ([sdk, over]) => !sdk.includes('2026') || over.startsWith('/mcp'),
  ),
)('a client of %s, %s, connects, calls and gets all progress', async (sdk, over) => {
  const { client, heard, call } = await connect(gateway, sdk, over)
  // Where this process stalls, an official transport reads progress in one piece with the response,
  // and then loses it. Ours does not.
  for (let left = over.includes('official') ? 5 : 1; left > 0; left--) {
    heard.length = 0
    await call('steps', { name: 'contract' })
    if (heard.filter(it => it.startsWith('progress')).length === 3) break
  }
  expect(heard.filter(it => it.startsWith('progress'))).toHaveLength(3)
  await client.close()
})
