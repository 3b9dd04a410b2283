import {
  Client as Client2,
  StreamableHTTPClientTransport as Transport2,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  agentMonday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
  until,
} from './gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ environment: { ALLOWED_ORIGINS: 'app.example' } })
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

const info = { name: 'test', version: '1.0.0' }
const url = () => new URL('mcp', gateway.mcpUrl)

const eras = {
  'SDK 1.x, 2025-11-25': async (credentials?: Credentials) => {
    const client = new Client1(info)
    await client.connect(new Transport1(url(), { fetch: gateway.fetch(credentials) }))
    return client as unknown as Client2
  },
  'SDK 2.x, 2025-11-25': async (credentials?: Credentials) => {
    const client = new Client2(info)
    await client.connect(new Transport2(url(), { fetch: gateway.fetch(credentials) }))
    return client
  },
  'SDK 2.x, 2026-07-28': async (credentials?: Credentials) => {
    const client = new Client2(info, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url(), { fetch: gateway.fetch(credentials) }))
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    return client
  },
}

describe.each(Object.entries(eras))('a client of %s on /mcp', (_, connect) => {
  let client: Client2
  beforeAll(async () => {
    client = await connect()
  })
  afterAll(() => client.close())

  test('lists and calls tools', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(it => it.name)).toEqual(['echo', 'regional'])
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text: 'hé' } })
    expect(structuredContent).toMatchObject({
      event: { text: 'hé' },
      custom: { mcp: { name: 'echo', caller: { arn: 'arn:aws:iam::000000000000:user/local' } } },
    })
  })

  test('is told what is wrong', async () => {
    const invalid = await client.callTool({ name: 'echo', arguments: { text: 7 } })
    expect(invalid.isError).toBe(true)
    expect(JSON.stringify(invalid.content)).toContain('text')
    await expect(client.callTool({ name: 'nope' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.callTool({ name: 'agents-only' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.readResource({ uri: 'nope://x' })).rejects.toMatchObject({
      data: { uri: 'nope://x' },
    })
  })

  test('reads resources, gets prompts, completes', async () => {
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
    expect((await client.readResource({ uri: 'notes://1' })).contents).toMatchObject([
      { text: 'note 1 at notes://1' },
    ])
    expect((await client.listPrompts()).prompts).toHaveLength(1)
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
    expect(messages).toHaveLength(1)
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'name', value: '' },
    })
    expect(completion.values).toEqual([])
  })

  test('sends and gets megabytes', async () => {
    const text = 'é'.repeat(2_000_000)
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text } })
    expect((structuredContent as { event: { text: string } }).event.text === text).toBe(true)
  })

  test('sees what it is allowed', async () => {
    const agent = await connect(agentMonday)
    expect((await agent.listTools()).tools.map(it => it.name)).toContain('agents-only')
    expect((await agent.callTool({ name: 'agents-only' })).isError).toBeFalsy()
    await agent.close()
  })

  test('twenty calls at once get each its own answer', async () => {
    const texts = Array.from({ length: 20 }, (_, n) => `call ${n}`)
    const answers = await Promise.all(
      texts.map(text => client.callTool({ name: 'echo', arguments: { text } })),
    )
    expect(
      answers.map(it => (it.structuredContent as { event: { text: string } }).event.text),
    ).toEqual(texts)
  })
})

describe('revision 2026-07-28', () => {
  test('a change of the registrations reaches an open subscriptions/listen within a second', async () => {
    const client = await eras['SDK 2.x, 2026-07-28']()
    let heard = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => void heard++)
    const subscription = await client.listen({ toolsListChanged: true })
    const { id } = await gateway.admin.registerTool({
      name: 'news',
      lambdaArn: functionArn('echo'),
    })
    const registered = Date.now()
    await until(() => heard > 0, 'the notification')
    // A second by the clock of the table; the rest is what this machine may be busy with.
    expect(Date.now() - registered).toBeLessThan(5_000)
    await gateway.admin.remove(id)
    await subscription.close()
    await client.close()
  })

  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': info,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const call = (headers: Record<string, string>, body: unknown) =>
    gateway.fetch()(url(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } }

  test('a header that differs from the body is refused, for the method and for a tool’s own', async () => {
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
    ['a page of an allowed host', 'https://app.example', 200],
    ['a page of the gateway’s own host', 'http://127.0.0.1:1234', 200],
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
