import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, connect, OVER, onListChanged, SDKS } from './support/clients.ts'
import { agentMonday, functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { openSession } from './support/mcp-wire.ts'
import { meta, postMcp } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    push: true,
    environment: { ALLOWED_ORIGINS: 'https://app.example' },
  })
  const { admin } = gateway
  await admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
  await admin.registerTool({
    name: 'regional',
    lambdaArn: functionArn('echo'),
    inputSchema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    },
  })
  await admin.registerTool({
    name: 'agents-only',
    lambdaArn: functionArn('echo'),
    parameters: {},
    allow: ['arn:aws:iam::111111111111:role/agents'],
  })
  for (const name of ['contract', 'contract-too'])
    await admin.registerTool({
      name,
      lambdaArn: functionArn('contract'),
      contract: 'mcp',
      parameters: { mode: 'string' },
      allow: [
        'arn:aws:iam::000000000000:user/local',
        ...(name === 'contract' ? ['arn:aws:iam::111111111111:role/agents'] : []),
      ],
    })
  await admin.registerResource({
    name: 'notes',
    lambdaArn: functionArn('notes'),
    uriTemplate: 'notes://{id}',
  })
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name', required: true }],
  })
})
afterAll(() => gateway.close())

const cells = SDKS.flatMap(sdk =>
  OVER.filter(it => it.startsWith('/mcp')).map(over => [sdk, over] as const),
)

describe.each(cells)('a client of %s, %s', (sdk, over) => {
  let client: Connected['client']
  beforeAll(async () => {
    client = (await connect(gateway, sdk, over)).client
  })
  afterAll(() => client.close())

  test('gets errors that name the problem', async () => {
    const invalid = await client.callTool({ name: 'echo', arguments: { text: 7 } })
    expect(invalid.isError).toBe(true)
    expect(JSON.stringify(invalid.content)).toContain('text')
    await expect(client.callTool({ name: 'nope' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.callTool({ name: 'agents-only' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.readResource({ uri: 'nope://x' })).rejects.toMatchObject({
      data: { uri: 'nope://x' },
    })
  })

  test('sends and gets megabytes', async () => {
    const text = 'é'.repeat(2_000_000)
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text } })
    expect((structuredContent as { event: { text: string } }).event.text === text).toBe(true)
  })

  test('sees only what its caller may use', async () => {
    const names = async (of: typeof client) => (await of.listTools()).tools.map(it => it.name)
    const agent = (await connect(gateway, sdk, over, { credentials: agentMonday })).client
    expect(await names(client)).toEqual(['contract', 'contract-too', 'echo', 'regional'])
    expect(await names(agent)).toEqual(['agents-only', 'contract', 'echo', 'regional'])
    expect((await agent.callTool({ name: 'agents-only' })).isError).toBeFalsy()
    await agent.close()
  })

  test('makes twenty calls at once and gets each its own result', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`)
    const answers = await Promise.all(
      texts.map(text => client.callTool({ name: 'echo', arguments: { text } })),
    )
    expect(
      answers.map(it => (it.structuredContent as { event: { text: string } }).event.text),
    ).toEqual(texts)
  })
})

describe('a session of a 2025 revision', () => {
  test('is opened by initialize and works in every environment until DELETE', async () => {
    const session = await openSession(gateway)
    const ping = { jsonrpc: '2.0', id: 2, method: 'ping' }
    const before = gateway.invocations.length
    const answers = await Promise.all(Array.from({ length: 10 }, () => session.post(ping)))
    expect(answers.map(it => it.status)).toEqual(answers.map(() => 200))
    const pids = gateway.invocations.slice(before).map(it => it.pid)
    expect(new Set(pids).size).toBeGreaterThan(1)

    expect((await session.remove()).status).toBe(200)
    expect((await session.remove()).status).toBe(404)
    const gone = await session.post(ping)
    expect([gone.status, (await gone.json()).error.code]).toEqual([404, -32001])
  })

  test.each(['SDK 1.x', 'SDK 2.x'] as const)(
    'a client of %s hears of a changed list on its GET stream',
    async sdk => {
      const over = '/mcp over the official transport with our fetch'
      const { client } = await connect(gateway, sdk, over)
      let heard = 0
      onListChanged(client, () => heard++)
      await until(
        () => gateway.invocations.some(it => it.path === '/mcp' && it.method === 'GET'),
        'the stream',
      )
      const name = `news-${crypto.randomUUID().slice(0, 8)}`
      // Repeated, since a change before the stream's first look is not news to it.
      await until(async () => {
        const { id } = await gateway.admin.registerTool({ name, lambdaArn: functionArn('echo') })
        await until(() => heard > 0, 'the notification', 3_000).catch(() => {})
        await gateway.admin.remove(id)
        return heard > 0
      }, 'a notification')
      await client.close()
    },
  )
})

describe('protocol version 2026-07-28', () => {
  test('notifies an open subscriptions/listen of changed registrations', async () => {
    const over = '/mcp over the official transport with our fetch'
    const { client } = await connect(gateway, 'SDK 2.x, 2026-07-28', over)
    let heard = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard++)
    const subscription = await client.listen({ toolsListChanged: true })
    const { id } = await gateway.admin.registerTool({
      name: 'news',
      lambdaArn: functionArn('echo'),
    })
    await until(() => heard > 0, 'the notification')
    await gateway.admin.remove(id)
    await subscription.close()
    await client.close()
  })

  const call = (headers: Record<string, string>, body: unknown) =>
    postMcp(gateway, body, { headers: { 'mcp-protocol-version': '2026-07-28', ...headers } })
  const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } }

  test('refuses a header that differs from the body, for the method and for parameters', async () => {
    const wrong = await call({ 'mcp-method': 'tools/call' }, listTools)
    expect([wrong.status, (await wrong.json()).error.code]).toEqual([400, -32020])
    const params = { name: 'regional', arguments: { region: 'eu' }, _meta: meta }
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
    const headers = { 'mcp-method': 'tools/call', 'mcp-name': 'regional' }
    expect((await call({ ...headers, 'mcp-param-region': 'us' }, message)).status).toBe(400)
    expect((await call({ ...headers, 'mcp-param-region': 'eu' }, message)).status).toBe(200)
  })

  test.each([
    ['a page of another host', 'https://evil.example', 403],
    ['a page of an allowed origin', 'https://app.example', 200],
    ['a page with another scheme', 'http://app.example', 403],
    ['a page with another port', 'https://app.example:8443', 403],
    ['a page of another server on the host of the gateway', 'http://127.0.0.1:1', 403],
  ])('%s gets %s: %i', async (_, origin, status) => {
    const response = await call({ origin, 'mcp-method': 'tools/list' }, listTools)
    expect(response.status).toBe(status)
    await response.body?.cancel()
  })

  test.each([
    ['an empty body', '', 400, -32700],
    ['text that is not JSON', '{', 400, -32700],
    ['JSON nested 100,000 deep', '['.repeat(100_000) + ']'.repeat(100_000), 400, -32700],
    [
      'another version',
      {
        ...listTools,
        params: { _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } },
      },
      400,
      undefined,
    ],
    ['an unknown method', { ...listTools, method: 'no/such' }, undefined, undefined],
  ])('%s is answered with a JSON-RPC error', async (_, body, status, code) => {
    const response = await call({}, body)
    expect(response.status).toBeGreaterThanOrEqual(400)
    const answer = await response.json()
    expect(answer).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) } })
    if (status) expect(response.status).toBe(status)
    if (code) expect(answer.error.code).toBe(code)
  })
})
