import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, callTool, connect, OVER, textOf } from './support/clients.ts'
import { functionArn, type Gateway, hasContent, startGateway, until } from './support/gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true, timeouts: { functions: 3 } })
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
    parameters: { ms: 'number?', file: 'string?', log: 'string?', text: 'string?' },
  })
  await admin.registerTool({
    name: 'misbehave',
    lambdaArn: functionArn('misbehave'),
    parameters: { mode: 'string' },
  })
  await admin.registerTool({ name: 'garbage', lambdaArn: functionArn('garbage'), parameters: {} })
  await admin.registerTool({ name: 'missing', lambdaArn: functionArn('missing'), parameters: {} })
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

  test('lists the tools it may use, sorted, without their functions', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(it => it.name)).toEqual([
      'echo',
      'garbage',
      'misbehave',
      'missing',
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

  test('calls a tool whose function gets the arguments and nothing else', async () => {
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text: 'hé' } })
    expect(structuredContent).toMatchObject({
      event: { text: 'hé' },
      custom: {
        bedrockAgentCoreToolName: 'echo',
        mcp: {
          type: 'tool',
          name: 'echo',
          caller: {
            kind: 'iam',
            arn: 'arn:aws:iam::000000000000:user/local',
            accountId: '000000000000',
          },
          clientInfo: { name: 'test', version: '1.0.0' },
        },
      },
    })
  })

  test('gets an error that names the wrong argument, before the function runs', async () => {
    const log = join(tmpdir(), `runs-${process.pid}-${Math.random()}`)
    const result = await client.callTool({ name: 'wait', arguments: { ms: 'soon', log } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('ms')
    expect(textOf(result)).toContain('number')
    expect(() => readFileSync(log)).toThrow('ENOENT')
  })

  test('gets an error that names the unknown tool or prompt', async () => {
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

  test('gets the error code of its protocol version for a missing resource', async () => {
    for (const uri of ['notes://missing', 'other://thing'])
      await expect(client.readResource({ uri })).rejects.toMatchObject({
        // The wire says -32002, as these revisions do; SDK 2.x knows both codes and shows the
        // newer one.
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

  test('gets an error for an unknown method', async () => {
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

  test('runs several calls at once and gets each result as soon as it is ready', async () => {
    const finished: string[] = []
    const files = ['first', 'second', 'third'].map(name =>
      join(tmpdir(), `${randomUUID()}-${name}`),
    )
    const calls = files.map(async file => {
      finished.push(
        textOf(await client.callTool({ name: 'wait', arguments: { file, text: file } })),
      )
    })
    // The functions end in the opposite order of the calls, each when its file exists.
    for (const file of files.toReversed()) {
      writeFileSync(file, '')
      await until(() => finished.includes(file), 'the result')
    }
    await Promise.all(calls)
    expect(finished).toEqual(files.toReversed())
  })

  test('cancels a call, gets no result for it, and goes on with its stream', async () => {
    const cancel = new AbortController()
    const log = join(tmpdir(), `runs-${process.pid}-${Math.random()}`)
    const params = { name: 'wait', arguments: { log, file: join(tmpdir(), randomUUID()) } }
    const call = callTool(client, params, { signal: cancel.signal })
    call.catch(() => {})
    await until(() => hasContent(log), 'the function to start')
    cancel.abort('changed my mind')
    await expect(call).rejects.toThrow()
    await client.ping()
  })

  test.each([
    ['throw', 'TypeError: the disk is full'],
    ['exit', 'Runtime.ExitError'],
    ['hang', 'timed out'],
    ['circular', 'failed'],
    ['too-large', 'Function.ResponseSizeTooLarge'],
  ])('gets a proper result from a function that does this: %s', async (mode, expected) => {
    const result = await client.callTool({ name: 'misbehave', arguments: { mode } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain(expected)
    expect(textOf(result), 'no stack').not.toContain('.mjs')
    await client.ping()
  })

  test('gets a valid result from a function whose output is garbage or empty', async () => {
    for (const [name, expected] of [
      ['garbage', 'not JSON'],
      ['missing', 'does not exist'],
    ] as const) {
      const result = await client.callTool({ name })
      expect(result.isError).toBe(true)
      expect(textOf(result)).toContain(expected)
    }
  })

  test('gets a result of nearly 6 MB', async () => {
    const result = await client.callTool({ name: 'misbehave', arguments: { mode: 'large' } })
    expect(textOf(result).length).toBe(Math.floor(5.9 * 1024 * 1024))
  })

  test('sends arguments of several MB', async () => {
    const text = 'é'.repeat(2_000_000)
    const { structuredContent } = await client.callTool({ name: 'echo', arguments: { text } })
    expect((structuredContent as { event: { text: string } }).event.text === text).toBe(true)
  })

  test('gets an error for an output that breaks the output schema', async () => {
    const result = await client.callTool({ name: 'typed', arguments: { text: 'x' } })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('pid')
  })
})

const anything = {
  parse: (it: unknown) => it,
  safeParse: (data: unknown) => ({ success: true, data }),
}
