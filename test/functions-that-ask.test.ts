import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Connected, connect, textOf, type User } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    timeouts: { functions: 20 },
    environment: { IDLE_TIMEOUT_SECONDS: '60' },
  })
  const { admin } = gateway
  const contract = 'mcp'
  const lambdaArn = functionArn('contract')
  const parameters = { mode: 'string', file: 'string?' } as const
  const buffered = functionArn('contractbuffered')
  await admin.registerTool({ name: 'contract', lambdaArn, contract, parameters })
  await admin.registerTool({ name: 'buffered', lambdaArn: buffered, contract, parameters })
  await admin.registerTool({
    name: 'typed',
    lambdaArn,
    contract,
    parameters,
    outputSchema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  })
  await admin.registerResource({
    name: 'notes',
    lambdaArn: buffered,
    contract,
    uriTemplate: 'notes://{id}',
  })
  await admin.registerResource({ name: 'none', lambdaArn: buffered, contract, uri: 'none://here' })
  await admin.registerResource({ name: 'bad', lambdaArn, contract, uri: 'bad://no-final' })
  await admin.registerPrompt({ name: 'greet', lambdaArn: buffered, contract })
})
afterAll(() => gateway.close())

const newFile = () => join(tmpdir(), randomUUID())
const connectTo = (sdk: 'SDK 1.x' | 'SDK 2.x', user?: User) =>
  connect(gateway, sdk, '/sse over our transport', { user })

describe.each(['SDK 1.x', 'SDK 2.x'] as const)('a client of %s', sdk => {
  // Tests share two clients, because every /sse stream holds a process until its idle time-out.
  /** A client that supports no elicitation. */
  let plain: Connected
  /** A client that supports elicitation. */
  let asked: Connected
  /** What the user of `asked` answers. */
  const user: User = { elicit: () => ({ action: 'cancel' }) }
  beforeAll(async () => {
    plain = await connectTo(sdk)
    asked = await connectTo(sdk, { elicit: message => user.elicit(message) })
  })
  beforeEach(() => {
    plain.heard.length = 0
    asked.heard.length = 0
  })
  afterAll(async () => {
    await plain.client.close()
    await asked.client.close()
  })

  test('gets the log lines that its log level lets through', async () => {
    const { client, heard, call } = plain
    await client.setLoggingLevel('warning')
    expect(textOf(await call('logs'))).toBe('logged')
    expect(heard).toEqual(['warning {"level":"warning"}', 'error {"level":"error"}'])
    await client.setLoggingLevel('debug')
  })

  test('can decline or cancel an elicitation', async () => {
    for (const action of ['decline', 'cancel']) {
      user.elicit = () => ({ action })
      expect(textOf(await asked.call('elicit'))).toBe(`${action} undefined`)
    }
  })

  test('gets a tool error after eight rounds of elicitation', async () => {
    user.elicit = () => ({ action: 'accept', content: {} })
    const result = await asked.call('forever')
    expect(result.isError).toBe(true)
    expect(asked.heard).toHaveLength(8)
  })

  test('gets a tool error instead of an elicitation that it does not support', async () => {
    const refused = await plain.call('elicit')
    expect(refused.isError).toBe(true)
    expect(textOf(refused)).toContain('elicitation/create')
  })

  test('gets the JSON-RPC error or the tool error that a function returns', async () => {
    await expect(plain.call('error')).rejects.toMatchObject({
      code: -32050,
      message: expect.stringContaining('not today'),
      data: { retry: 'monday' },
    })
    expect(await plain.call('tool-error')).toMatchObject({
      isError: true,
      content: [{ text: 'no such city' }],
    })
  })

  test.each([
    ['malformed', 'malformed CallToolResult'],
    ['garbage', 'not JSON'],
    ['not-utf-8', 'not UTF-8'],
    ['bare', 'neither a notification'],
    ['request', 'elicitation/create'],
    ['nothing', 'without a final line'],
    ['no-final', 'without a final line'],
    ['throw-later', 'without a final line'],
    ['exit-later', 'timed out, was killed'],
    ['exit-within', 'timed out, was killed'],
    ['throw', 'failed'],
    ['exit', 'Runtime.ExitError'],
    ['ask-nothing', 'neither inputRequests nor a requestState'],
    ['ask-wrong', 'input "it"'],
    ['too-large', 'line of more than'],
  ])('gets a clear tool error from a function with this fault: %s', async (mode, expected) => {
    const result = await plain.call(mode)
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain(expected)
    expect(textOf(result), 'no stack').not.toMatch(/\.mjs|\n/)
    await plain.client.ping()
  })

  test.each([
    ['two-finals', '1'],
    ['after', 'done'],
  ])('gets the first final line of a function that does this: %s', async (mode, expected) => {
    expect(await plain.call(mode)).toEqual({ content: [{ type: 'text', text: expected }] })
  })

  test('gets a final line while its function still runs', async () => {
    const file = newFile()
    expect(textOf(await plain.call('late', { file }))).toBe('done')
    writeFileSync(file, '')
    await until(() => readFileSync(file, 'utf8') === 'ended', 'the end of the function')
  })

  test('gets only progress that increases', async () => {
    expect(textOf(await plain.call('unordered'))).toBe('done')
    expect(plain.heard).toEqual(['progress 1', 'progress 3', 'progress 3.5'])
  })

  test('gets a tool error when the result does not match the output schema', async () => {
    const result = await plain.call('logs', { name: 'typed' })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('output schema')
  })

  test('gets neither a result nor progress of a call that it cancels', async () => {
    const { heard, call } = plain
    const cancel = new AbortController()
    const file = newFile()
    const result = call('ticks', { file, signal: cancel.signal })
    result.catch(() => {})
    await until(() => heard.length > 2, 'some progress')
    cancel.abort('changed my mind')
    await expect(result).rejects.toThrow()
    const count = heard.length
    expect(textOf(await call('logs', { silent: true }))).toBe('logged')
    expect(heard.filter(it => it.startsWith('progress'))).toHaveLength(count)
  })

  test('gets lines whose chunks end within a character, and lines after a prelude', async () => {
    const { heard, call } = plain
    expect(textOf(await call('bytes'))).toBe('ö 🎉')
    expect(heard).toEqual(['error "ü 🎈"'])
    expect(textOf(await call('prelude'))).toBe('behind a prelude')
  })

  test('gets 20 MB in one line and 20 MB in many lines without a growing gateway', async () => {
    const before = gateway.invocations.length
    const { client, heard, call } = await connectTo(sdk)
    const stream = gateway.invocations.slice(before).find(it => it.path === '/sse')
    // Loads the code that such functions need.
    await call('logs', { silent: true })
    heard.length = 0
    const atFirst = peakMemory(stream?.pid)
    expect(textOf(await call('many'))).toBe('many')
    expect(heard.map(it => Number.parseInt(it.slice('error "'.length), 10))).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    )
    expect(peakMemory(stream?.pid) - atFirst, 'MB for lines that pass one by one').toBeLessThan(70)
    expect(textOf(await call('large')) === 'é'.repeat(10_000_000)).toBe(true)
    expect(peakMemory(stream?.pid), 'MB of the 512 that the function has').toBeLessThan(350)
    await client.close()
  })

  test('reads resources, gets prompts and completes with a function that does not stream', async () => {
    user.elicit = () => ({ action: 'accept', content: { answer: 'Ada' } })
    const { client, call } = asked
    expect(textOf(await call('', { name: 'buffered' }))).toBe('buffered')
    const thrown = await call('throw', { name: 'buffered' })
    expect(thrown).toMatchObject({
      isError: true,
      content: [{ text: 'The function failed with TypeError: the disk is full' }],
    })
    expect((await client.readResource({ uri: 'notes://a%20b' })).contents).toEqual([
      { uri: 'notes://a%20b', text: 'a b' },
    ])
    await expect(client.readResource({ uri: 'none://here' })).rejects.toMatchObject({
      data: { uri: 'none://here' },
    })
    await expect(client.readResource({ uri: 'bad://no-final' })).rejects.toMatchObject({
      code: -32603,
      message: expect.stringContaining('without a final line'),
    })
    expect((await client.getPrompt({ name: 'greet' })).messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Hello Ada' } },
    ])
    const argument = { name: 'name', value: 'A' }
    const ref = { type: 'ref/prompt', name: 'greet' } as const
    expect((await client.complete({ ref, argument })).completion.values).toEqual(['Ada'])
    const template = { type: 'ref/resource', uri: 'notes://{id}' } as const
    expect((await client.complete({ ref: template, argument })).completion.values).toEqual([])
  })
})

/** The peak memory of a running process in MB. Linux only. */
function peakMemory(pid: number | undefined): number {
  if (process.platform !== 'linux') return 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

test('a function gets the MCP request and its caller as the event', async () => {
  const { client, call } = await connectTo('SDK 2.x', { elicit: () => ({}) })
  const event = JSON.parse(textOf(await call('event', { file: 'f', silent: true })))
  expect(event).toEqual({
    method: 'tools/call',
    params: { name: 'contract', arguments: { mode: 'event', file: 'f' } },
    context: {
      type: 'tool',
      name: 'contract',
      caller: {
        kind: 'iam',
        arn: 'arn:aws:iam::000000000000:user/local',
        principal: 'arn:aws:iam::000000000000:user/local',
        accountId: '000000000000',
        owner: expect.stringMatching(/^000000000000\/AIDA/),
      },
      sessionId: expect.stringMatching(/^(r-)?[\w-]{24}$/),
      clientInfo: { name: 'test', version: '1.0.0' },
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/),
      clientCapabilities: { elicitation: expect.any(Object), sampling: {}, roots: {} },
    },
  })
  await client.close()
})
