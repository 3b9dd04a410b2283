import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import {
  Client as Client2,
  StreamableHTTPClientTransport as Transport2,
} from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as Transport1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
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

const info = { name: 'test', version: '1.0.0' }
const url = () => new URL('mcp', gateway.mcpUrl)

const eras = {
  'SDK 1.x, 2025-11-25': async (credentials?: Credentials, options?: object) => {
    const client = new Client1(info, options)
    await client.connect(new Transport1(url(), { fetch: gateway.fetch(credentials) }))
    return client as unknown as Client2
  },
  'SDK 2.x, 2025-11-25': async (credentials?: Credentials, options?: object) => {
    const client = new Client2(info, options)
    await client.connect(new Transport2(url(), { fetch: gateway.fetch(credentials) }))
    return client
  },
  'SDK 2.x, 2026-07-28': async (credentials?: Credentials, options?: object) => {
    const client = new Client2(info, { ...options, versionNegotiation: { mode: 'auto' } })
    await client.connect(new Transport2(url(), { fetch: gateway.fetch(credentials) }))
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    return client
  },
  'SDK 1.x over our transport': async (credentials?: Credentials, options?: object) => {
    const client = new Client1(info, options)
    await client.connect(transportOf(credentials))
    return client as unknown as Client2
  },
  'SDK 2.x, 2026-07-28, over our transport': async (
    credentials?: Credentials,
    options?: object,
  ) => {
    const client = new Client2(info, { ...options, versionNegotiation: { mode: 'auto' } })
    await client.connect(transportOf(credentials))
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    return client
  },
}

const capabilities = { capabilities: { elicitation: {}, sampling: {}, roots: {} } }

/** A client whose user says yes, whose model knows one word, and which works in one folder. */
function answering(client: Client2) {
  const answers = {
    'elicitation/create': { action: 'accept', content: { answer: 'yes' } },
    'sampling/createMessage': {
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'word' },
    },
    'roots/list': { roots: [{ uri: 'file:///work' }] },
  } as const
  if ((client as unknown) instanceof Client1) {
    const one = client as unknown as Client1
    one.setRequestHandler(ElicitRequestSchema, () => answers['elicitation/create'])
    one.setRequestHandler(CreateMessageRequestSchema, () => answers['sampling/createMessage'])
    one.setRequestHandler(ListRootsRequestSchema, () => ({
      roots: [...answers['roots/list'].roots],
    }))
    return
  }
  client.setRequestHandler('elicitation/create', () => answers['elicitation/create'])
  client.setRequestHandler('sampling/createMessage', () => answers['sampling/createMessage'])
  client.setRequestHandler('roots/list', () => ({ roots: [...answers['roots/list'].roots] }))
}

const transportOf = (credentials: Credentials = gateway.credentials) =>
  new SigV4StreamableHttpTransport(gateway.mcpUrl, { region: gateway.region, credentials })

/** SDK 1.x takes a schema where 2.x takes the method's name. */
function onListChanged(client: Client2, listener: () => void) {
  if ((client as unknown) instanceof Client1)
    (client as unknown as Client1).setNotificationHandler(
      ToolListChangedNotificationSchema,
      listener,
    )
  else client.setNotificationHandler('notifications/tools/list_changed', listener)
}

describe.each(Object.entries(eras))('a client of %s on /mcp', (_, connect) => {
  let client: Client2
  beforeAll(async () => {
    client = await connect()
  })
  afterAll(() => client.close())

  test('lists and calls tools', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(it => it.name)).toEqual(['contract', 'contract-too', 'echo', 'regional'])
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

describe.each(Object.entries(eras))(
  'a function of the contract mcp, for a client of %s',
  (_, connect) => {
    let client: Client2
    beforeAll(async () => {
      client = await connect(undefined, capabilities)
      answering(client)
    })
    afterAll(() => client.close())

    const call = (mode: string, options?: object) => {
      const params = { name: 'contract', arguments: { mode } }
      return Reflect.apply(client.callTool, client, [
        params,
        ...((client as unknown) instanceof Client1 ? [undefined, options] : [options]),
      ]) as Promise<{ content: { text: string }[]; isError?: boolean }>
    }
    const textOf = async (result: ReturnType<typeof call>) => (await result).content[0]?.text

    test('reports progress', async () => {
      const seen: number[] = []
      const onprogress = ({ progress }: { progress: number }) => void seen.push(progress)
      expect(await textOf(call('steps', { onprogress }))).toBe('done')
      expect(seen).toEqual([1, 2, 3])
    })

    test('asks the user, by way of whichever process the answer arrives at', async () => {
      expect(await textOf(call('elicit'))).toBe('accept {"answer":"yes"}')
    })

    test('asks a model and for roots', async () => {
      expect(await textOf(call('sample'))).toBe('word')
      expect(await textOf(call('roots'))).toBe('file:///work')
    })

    test('asks again and again, and keeps nothing meanwhile', async () => {
      expect(await textOf(call('rounds'))).toBe('yes,yes,yes')
    })
  },
)

describe('the state that a client of 2026-07-28 carries', () => {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': info,
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
  }
  const call = async (name: string, more: object = {}, credentials?: Credentials) => {
    const params = { name, arguments: { mode: 'rounds' }, _meta: meta, ...more }
    const response = await gateway.fetch(credentials)(url(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': name,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    })
    const text = await response.text()
    return JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text)
  }
  const inputResponses = { next: { action: 'accept', content: { answer: 'yes' } } }

  test('is taken back by another process, unchanged, for the same tool, from the same caller only', async () => {
    const { result } = await call('contract')
    expect(result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) })
    const { requestState } = result
    const next = await call('contract', { inputResponses, requestState })
    expect(next.result).toMatchObject({ resultType: 'input_required' })
    expect(next.result.requestState).not.toBe(requestState)

    const refused = { code: -32602, message: expect.stringContaining('requestState') }
    const tampered = await call('contract', { inputResponses, requestState: `${requestState}x` })
    expect(tampered.error).toMatchObject(refused)
    const elsewhere = await call('contract-too', { inputResponses, requestState })
    expect(elsewhere.error).toMatchObject(refused)
    const stolen = await call('contract', { inputResponses, requestState }, agentMonday)
    expect(stolen.error).toMatchObject(refused)
  })
})

describe('a session of a 2025 revision', () => {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
  }
  const send = (body: unknown, session?: string, credentials?: Credentials) =>
    gateway.fetch(credentials)(url(), {
      method: 'POST',
      headers: { ...headers, ...(session && { 'mcp-session-id': session }) },
      body: JSON.stringify(body),
    })
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info },
  }
  const ping = { jsonrpc: '2.0', id: 2, method: 'ping' }

  async function open(credentials?: Credentials) {
    const response = await send(initialize, undefined, credentials)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('"protocolVersion":"2025-11-25"')
    const session = response.headers.get('mcp-session-id') ?? ''
    expect(session).toMatch(/^[\w-]{24}$/)
    return session
  }

  test('is opened by initialize and lives in every environment, until it is deleted', async () => {
    const session = await open()
    expect(
      (await send({ jsonrpc: '2.0', method: 'notifications/initialized' }, session)).status,
    ).toBe(202)
    const pids = () =>
      new Set(gateway.invocations.filter(it => it.path === '/mcp').map(it => it.pid))
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(ping, session)))
    expect(answers.map(it => it.status)).toEqual(answers.map(() => 200))
    expect(pids().size).toBeGreaterThan(1)

    const remove = () =>
      gateway.fetch()(url(), { method: 'DELETE', headers: { 'mcp-session-id': session } })
    expect((await remove()).status).toBe(200)
    expect((await remove()).status).toBe(404)
    const gone = await send(ping, session)
    expect([gone.status, (await gone.json()).error.code]).toEqual([404, -32001])
  })

  test('does not exist for another caller, nor by a made-up id', async () => {
    const session = await open(agentMonday)
    expect((await send(ping, session, agentMonday)).status).toBe(200)
    expect((await send(ping, session)).status).toBe(404)
    expect((await send(ping, 'x'.repeat(24))).status).toBe(404)
    expect((await send(ping, '../../x')).status).toBe(404)
  })

  test('an answer to what nobody asked is accepted and ignored', async () => {
    const session = await open()
    const answer = { jsonrpc: '2.0', id: 'nobody-asked-this-question', result: {} }
    expect((await send(answer, session)).status).toBe(202)
  })

  test.each(Object.entries(eras).slice(0, 2))(
    'a client of %s hears of a changed list on its GET stream',
    async (_, connect) => {
      const client = await connect()
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
