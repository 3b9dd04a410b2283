import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, callTool, connect, OVER, textOf } from './support/clients.ts'
import {
  agentMonday,
  agentTuesday,
  type Credentials,
  functionArn,
  type Gateway,
  startGateway,
  stranger,
  until,
} from './support/gateway.ts'
import { initialize, initialized, openRaw, postRaw } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    timeouts: { functions: 3 },
    // Lambda does not report that a client has left, so the idle time-out ends the streams of these tests.
    // Fifty streams read their inboxes at the same time.
    environment: { IDLE_TIMEOUT_SECONDS: '60', POLL_BUSY_MS: '150', POLL_IDLE_MS: '300' },
  })
  const { admin } = gateway
  await admin.registerTool({
    name: 'echo',
    title: 'Echo',
    description: 'What it was given',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string', count: 'integer?' },
    annotations: { readOnlyHint: true },
  })
  await admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { ms: 'number', file: 'string?', log: 'string?', text: 'string?' },
  })
  await admin.registerTool({
    name: 'misbehave',
    lambdaArn: functionArn('misbehave'),
    parameters: { mode: 'string' },
  })
  await admin.registerTool({ name: 'garbage', lambdaArn: functionArn('garbage'), parameters: {} })
  await admin.registerTool({ name: 'nobody', lambdaArn: functionArn('nobody'), parameters: {} })
  await admin.registerTool({
    name: 'typed',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
    outputSchema: { type: 'object', properties: { pid: { type: 'string' } }, required: ['pid'] },
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
    mimeType: 'text/plain',
  })
  await admin.registerResource({
    name: 'readme',
    lambdaArn: functionArn('notes'),
    uri: 'notes://readme',
  })
  await admin.registerPrompt({
    name: 'greet',
    lambdaArn: functionArn('greet'),
    arguments: [{ name: 'name', required: true }, { name: 'tone' }],
  })
})
afterAll(() => gateway.close())

const cells = (['SDK 1.x', 'SDK 2.x'] as const).flatMap(sdk =>
  OVER.filter(it => it.startsWith('/sse')).map(over => [sdk, over] as const),
)

describe.each(cells)('a client of %s, %s', (sdk, over) => {
  let client: Connected['client']
  beforeAll(async () => {
    client = (await connect(gateway, sdk, over)).client
  })
  afterAll(() => client.close())

  test('initializes and pings', async () => {
    expect(client.getServerVersion()?.name).toBe('mcp-lambda-sam')
    expect(client.getServerCapabilities()).toMatchObject({
      tools: { listChanged: true },
      logging: {},
      completions: {},
    })
    await client.ping()
  })

  test('lists the tools it may use, sorted, without the functions behind them', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(it => it.name)).toEqual([
      'echo',
      'garbage',
      'misbehave',
      'nobody',
      'typed',
      'wait',
    ])
    expect(tools[0]).toEqual({
      name: 'echo',
      title: 'Echo',
      description: 'What it was given',
      annotations: { readOnlyHint: true },
      inputSchema: {
        type: 'object',
        properties: { text: { type: 'string' }, count: { type: 'integer' } },
        required: ['text'],
        additionalProperties: false,
      },
    })
  })

  test('calls a tool, whose function is given the arguments and nothing else', async () => {
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text: 'hé' } })
    expect(structuredContent).toMatchObject({
      event: { text: 'hé' },
      custom: {
        bedrockAgentCoreToolName: 'echo',
        mcp: {
          type: 'tool',
          name: 'echo',
          caller: { arn: 'arn:aws:iam::000000000000:user/local', accountId: '000000000000' },
          clientInfo: { name: 'test', version: '1.0.0' },
        },
      },
    })
  })

  test('is told which argument is wrong, before the function runs', async () => {
    const log = join(tmpdir(), `runs-${process.pid}-${Math.random()}`)
    const result = await client.callTool({ name: 'wait', arguments: { ms: 'soon', log } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('ms')
    expect(textOf(result)).toContain('number')
    expect(() => readFileSync(log)).toThrow('ENOENT')
  })

  test('is told which tool and which prompt it could not find', async () => {
    await expect(client.callTool({ name: 'nope' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('nope'),
    })
    await expect(client.getPrompt({ name: 'nope' })).rejects.toMatchObject({ code: -32602 })
    await expect(client.getPrompt({ name: 'greet' })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('"name"'),
    })
  })

  test('reads resources, by URI and by template', async () => {
    expect((await client.listResources()).resources).toEqual([
      { name: 'readme', uri: 'notes://readme' },
    ])
    expect((await client.listResourceTemplates()).resourceTemplates).toEqual([
      { name: 'notes', uriTemplate: 'notes://{id}', mimeType: 'text/plain' },
    ])
    const read = (uri: string) => client.readResource({ uri })
    expect((await read('notes://readme')).contents).toMatchObject([
      { text: 'note undefined at notes://readme' },
    ])
    expect((await read('notes://a%20b')).contents).toEqual([
      { uri: 'notes://a%20b', mimeType: 'text/plain', text: 'note a b at notes://a%20b' },
    ])
  })

  test('is told that a resource does not exist as its revision says', async () => {
    for (const uri of ['notes://missing', 'other://thing'])
      await expect(client.readResource({ uri })).rejects.toMatchObject({
        // The wire says -32002, as these revisions do; SDK 2.x knows both codes and shows the newer one.
        code: sdk === 'SDK 1.x' ? -32002 : -32602,
        data: { uri },
      })
  })

  test('gets prompts', async () => {
    expect((await client.listPrompts()).prompts).toEqual([
      { name: 'greet', arguments: [{ name: 'name', required: true }, { name: 'tone' }] },
    ])
    const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
    expect(messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Greet Ada in a warm tone.' } },
    ])
  })

  test('completes and sets a log level', async () => {
    const argument = { name: 'name', value: 'A' }
    const { completion } = await client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument,
    })
    expect(completion.values).toEqual([])
    await expect(
      client.complete({ ref: { type: 'ref/prompt', name: 'nope' }, argument }),
    ).rejects.toMatchObject({ code: -32602 })
    await client.setLoggingLevel('debug')
  })

  test('is told that a method is unknown', async () => {
    const result = {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
    }
    const request = { method: 'no/such', params: {} }
    const asked =
      sdk === 'SDK 2.x'
        ? client.request(request as never, result as never)
        : client.request(request as never, anything as never)
    await expect(asked).rejects.toMatchObject({ code: -32601 })
  })

  test('runs several calls at once and gets each result as it is ready', async () => {
    const finished: string[] = []
    await Promise.all(
      [2000, 1000, 0].map(async ms => {
        const result = await client.callTool({ name: 'wait', arguments: { ms, text: `${ms}` } })
        finished.push(textOf(result))
      }),
    )
    expect(finished).toEqual(['0', '1000', '2000'])
  })

  test('that cancels a call gets no result for it, and its stream lives on', async () => {
    const cancel = new AbortController()
    const log = join(tmpdir(), `runs-${process.pid}-${Math.random()}`)
    const params = { name: 'wait', arguments: { ms: 1500, log } }
    const call = callTool(client, params, { signal: cancel.signal })
    call.catch(() => {})
    await until(() => existing(log), 'the function to start')
    cancel.abort('changed my mind')
    await expect(call).rejects.toThrow()
    await client.ping()
  })

  test.each([
    ['throw', 'TypeError: the disk is full'],
    ['exit', 'Runtime.ExitError'],
    ['hang', 'timed out'],
    ['circular', 'failed'],
    ['malformed', 'malformed MCP result'],
    ['too-large', 'Function.ResponseSizeTooLarge'],
  ])('gets a proper result from a function that does this: %s', async (mode, expected) => {
    const result = await client.callTool({ name: 'misbehave', arguments: { mode } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain(expected)
    expect(textOf(result), 'no stack').not.toContain('.mjs')
    await client.ping()
  })

  test('gets a proper result from a function that answers garbage, and from none at all', async () => {
    for (const [name, expected] of [
      ['garbage', 'not JSON'],
      ['nobody', 'does not exist'],
    ] as const) {
      const result = await client.callTool({ name })
      expect(result.isError).toBe(true)
      expect(textOf(result)).toContain(expected)
    }
  })

  test('gets an answer of nearly 6 MB', async () => {
    const result = await client.callTool({ name: 'misbehave', arguments: { mode: 'large' } })
    expect(textOf(result).length).toBe(Math.floor(5.9 * 1024 * 1024))
  })

  test('sends arguments of several MB', async () => {
    const text = 'é'.repeat(2_000_000)
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text } })
    expect((structuredContent as { event: { text: string } }).event.text === text).toBe(true)
  })

  test('gets an error for an answer that breaks the output schema', async () => {
    const result = await client.callTool({ name: 'typed', arguments: { text: 'x' } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('pid')
  })
})

const anything = {
  parse: (it: unknown) => it,
  safeParse: (data: unknown) => ({ success: true, data }),
}

function existing(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}

describe('across environments', () => {
  test('50 clients with 20 calls each: none lost, none doubled, none crossed, no process both stream and post', async () => {
    const before = gateway.invocations.length
    const over = '/sse over our transport'
    const connected = await Promise.all(range(50).map(() => connect(gateway, 'SDK 2.x', over)))
    const results = await Promise.all(
      connected.map(async ({ client }, c) => {
        const texts = range(20).map(n => `client ${c} call ${n}`)
        const got: string[] = []
        for (const text of texts) {
          const { structuredContent } = await client.callTool(
            { name: 'echo', arguments: { text } },
            patient,
          )
          got.push((structuredContent as { event: { text: string } }).event.text)
        }
        return { texts, got }
      }),
    )
    for (const { texts, got } of results) expect(got).toEqual(texts)

    const during = gateway.invocations.slice(before)
    const runs = during.filter(it => it.functionName === 'echo')
    expect(runs.length, 'each call ran once').toBe(50 * 20)
    const pids = (path: string) => new Set(during.filter(it => it.path === path).map(it => it.pid))
    const [streams, posts] = [pids('/sse'), pids('/message')]
    expect(streams.size, 'each stream has a process of its own').toBe(50)
    expect([...posts].filter(pid => streams.has(pid))).toEqual([])
    await Promise.all(connected.map(({ client }) => client.close()))
  }, 300_000)
})

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
const patient = { timeout: 120_000 } as never

describe('a session', () => {
  test('begins with the event that names where to post', async () => {
    const stream = await openRaw(gateway)
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(stream.text()).toMatch(
      /^id: ([\w-]{24})\.0\nretry: 1000\nevent: endpoint\ndata: \/message\?sessionId=\1\n\n/,
    )
    const accepted = await postRaw(gateway, stream.endpoint, initialize)
    expect([accepted.status, await accepted.text()]).toEqual([202, 'Accepted'])
    expect(await stream.read(/event: message/)).toMatch(
      /id: [\w-]{24}\.1\nevent: message\ndata: \{.*"protocolVersion":"2024-11-05".*\}\n\n/,
    )
    await stream.close()
  })

  test('sends no result of a call that was cancelled, though its function ran to its end', async () => {
    const [go, log] = ['go', 'log'].map(name => join(tmpdir(), `${randomUUID()}-${name}`)) as [
      string,
      string,
    ]
    const stream = await openRaw(gateway)
    const send = (message: object) =>
      postRaw(gateway, stream.endpoint, { jsonrpc: '2.0', ...message })
    await send(initialize)
    await send(initialized)
    const params = { name: 'wait', arguments: { ms: 0, file: go, log } }
    await send({ id: 'cancelled', method: 'tools/call', params })
    await until(() => existing(log), 'the function to start')
    await send({ method: 'notifications/cancelled', params: { requestId: 'cancelled' } })
    await send({ id: 'ping', method: 'ping' })
    await stream.read(/"id":"ping"/) // so the cancellation, which came before, has been taken, too
    writeFileSync(go, '')
    // A later call of the same function, whose answer comes after the one that must not.
    await send({ id: 'later', method: 'tools/call', params })
    await stream.read(/"id":"later"/)
    expect(stream.text()).not.toContain('"id":"cancelled"')
    await stream.close()
  })

  test('does not exist for another caller', async () => {
    const stream = await openRaw(gateway, agentMonday)
    const refused = await postRaw(gateway, stream.endpoint, initialize, stranger)
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({
      error: { code: 'session_not_found', requestId: expect.any(String) },
    })
    expect((await postRaw(gateway, stream.endpoint, initialize)).status).toBe(404)
    expect((await postRaw(gateway, stream.endpoint, initialize, agentMonday)).status).toBe(202)
    await stream.close()
  })

  test('stays its caller’s under another role-session name', async () => {
    const stream = await openRaw(gateway, agentMonday)
    expect((await postRaw(gateway, stream.endpoint, initialize, agentTuesday)).status).toBe(202)
    await stream.read(/"serverInfo"/)
    await stream.close()
  })

  test('of another role does not see, and cannot call, what it is not allowed', async () => {
    const as = async (credentials: Credentials) =>
      (await connect(gateway, 'SDK 2.x', '/sse over our transport', { credentials })).client
    const agent = await as(agentMonday)
    expect((await agent.listTools()).tools.map(it => it.name)).toContain('agents-only')
    expect((await agent.callTool({ name: 'agents-only' })).isError).toBeFalsy()
    await agent.close()
    const other = await as(stranger)
    await expect(other.callTool({ name: 'agents-only' })).rejects.toMatchObject({ code: -32602 })
    await other.close()
  })
})
