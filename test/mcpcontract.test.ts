import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Client as Client2 } from '@modelcontextprotocol/client'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, transport, until } from './gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({
    timeouts: { functions: 20 },
    environment: { IDLE_TIMEOUT_SECONDS: '60' },
  })
  const { admin } = gateway
  const contract = 'mcp'
  const lambdaArn = functionArn('contract')
  const parameters = { mode: 'string', file: 'string?' }
  const buffered = functionArn('contractbuffered')
  await admin.registerTool({ name: 'streamed', lambdaArn, contract, parameters })
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
  await admin.registerResource({ name: 'bad', lambdaArn, contract, uri: 'bad://two-finals' })
  await admin.registerPrompt({ name: 'greet', lambdaArn: buffered, contract })
})
afterAll(() => gateway.close())

const newFile = () => join(tmpdir(), randomUUID())
const textOf = (result: unknown) =>
  (result as { content: { text: string }[] }).content[0]?.text ?? ''

interface User {
  elicit(message: string): object
}

const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const sampled = { model: 'm', role: 'assistant', content: { type: 'text', text: 'moon' } } as const
const roots = { roots: [{ uri: 'file:///home' }] }

/** The same client of both SDK majors, with a user who answers. `heard` is all that came, in order. */
async function connect(sdk: 'SDK 1.x' | 'SDK 2.x', user?: User) {
  const heard: string[] = []
  const onLog = ({ params }: { params: { level: string; data: unknown } }) =>
    void heard.push(`${params.level} ${JSON.stringify(params.data)}`)
  const answer = (params: { message: string }) => {
    heard.push(`asked ${params.message}`)
    return (user?.elicit(params.message) ?? {}) as { action: 'accept' }
  }
  const info = { name: 'test', version: '1.0.0' }
  const options = user ? { capabilities } : {}
  let client: Client2
  if (sdk === 'SDK 1.x') {
    const client1 = new Client1(info, options)
    client1.setNotificationHandler(LoggingMessageNotificationSchema, onLog)
    if (user) {
      client1.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params))
      client1.setRequestHandler(CreateMessageRequestSchema, () => sampled)
      client1.setRequestHandler(ListRootsRequestSchema, () => roots)
    }
    client = client1 as unknown as Client2
  } else {
    client = new Client2(info, options)
    client.setNotificationHandler('notifications/message', onLog)
    if (user) {
      client.setRequestHandler('elicitation/create', ({ params }) => answer(params))
      client.setRequestHandler('sampling/createMessage', () => sampled)
      client.setRequestHandler('roots/list', () => roots)
    }
  }
  // Where an SDK puts what it cannot place, for instance progress that nobody asked for.
  client.onerror = error => void heard.push(`error ${error.message}`)
  await client.connect(transport(gateway))

  function call(
    mode: string,
    {
      name = 'streamed',
      file = '',
      signal = undefined as AbortSignal | undefined,
      silent = false,
    } = {},
  ) {
    const onprogress = ({ progress, message = '' }: { progress: number; message?: string }) =>
      void heard.push(`progress ${progress} ${message}`.trim())
    const options = {
      timeout: 60_000,
      ...(silent ? {} : { onprogress }),
      ...(signal && { signal }),
    }
    const params = { name, arguments: { mode, file } }
    // The options are the third argument in 1.x and the second in 2.x.
    return Reflect.apply(client.callTool, client, [
      params,
      ...(sdk === 'SDK 1.x' ? [undefined, options] : [options]),
    ]) as ReturnType<Client2['callTool']>
  }
  return { client, heard, call }
}

describe.each(['SDK 1.x', 'SDK 2.x'] as const)('a client of %s', sdk => {
  /** For tests that look at results alone. */
  let plain: Awaited<ReturnType<typeof connect>>
  beforeAll(async () => {
    plain = await connect(sdk)
  })
  afterAll(() => plain.client.close())

  test('hears of progress, and reads the log, before the function has ended', async () => {
    const { client, heard, call } = await connect(sdk)
    const file = newFile()
    const result = call('wait', { file })
    // The function goes on only when this file is there, so these lines did not come with its end.
    await until(() => heard.length === 2, 'the first progress and log line')
    expect(heard).toEqual(['progress 1 half way', 'info "half way"'])
    writeFileSync(file, '')
    expect(textOf(await result)).toBe('done')
    await client.close()
  })

  test('that did not ask for progress gets none', async () => {
    const { client, heard, call } = await connect(sdk)
    const file = newFile()
    writeFileSync(file, '')
    expect(textOf(await call('wait', { file, silent: true }))).toBe('done')
    expect(heard).toEqual(['info "half way"'])
    await client.close()
  })

  test('reads what its log level lets through', async () => {
    const { client, heard, call } = await connect(sdk)
    await client.setLoggingLevel('warning')
    expect(textOf(await call('logs'))).toBe('logged')
    expect(heard).toEqual(['warning {"level":"warning"}', 'error {"level":"error"}'])
    await client.close()
  })

  test('answers what a function asks: a form, a sample, roots, all at once', async () => {
    const user = { elicit: () => ({ action: 'accept', content: { answer: 'yes' } }) }
    const { client, heard, call } = await connect(sdk, user)
    expect(textOf(await call('elicit'))).toBe('accept {"answer":"yes"}')
    expect(heard).toEqual(['asked Sure?'])
    expect(textOf(await call('sample'))).toBe('moon')
    expect(textOf(await call('roots'))).toBe('file:///home')
    expect(textOf(await call('all'))).toBe('form,where,word')
    await client.close()
  })

  test('may decline and cancel', async () => {
    for (const action of ['decline', 'cancel']) {
      const { client, call } = await connect(sdk, { elicit: () => ({ action }) })
      expect(textOf(await call('elicit'))).toBe(`${action} undefined`)
      await client.close()
    }
  })

  test('is asked several times by a function that keeps nothing between its rounds', async () => {
    const user = {
      elicit: (message: string) => ({ action: 'accept', content: { answer: message.slice(-1) } }),
    }
    const { client, heard, call } = await connect(sdk, user)
    const before = gateway.invocations.length
    expect(textOf(await call('rounds'))).toBe('1,2,3')
    const runs = gateway.invocations.slice(before).filter(it => it.functionName === 'contract')
    expect(runs).toHaveLength(4)
    expect(heard).toEqual([0, 1, 2].flatMap(n => [`progress ${n}`, `asked Round ${n + 1}`]))
    await client.close()
  })

  test('is not asked without end, and not what it cannot answer', async () => {
    const user = { elicit: () => ({ action: 'accept', content: {} }) }
    const willing = await connect(sdk, user)
    const result = await willing.call('forever')
    expect(result.isError).toBe(true)
    expect(willing.heard).toHaveLength(8)
    await willing.client.close()

    const unable = await connect(sdk)
    const refused = await unable.call('elicit')
    expect(refused.isError).toBe(true)
    expect(textOf(refused)).toContain('elicitation/create')
    await unable.client.close()
  })

  test('gets the error that a function answers, and the result that is one', async () => {
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
    ['two-finals', 'after its final line'],
    ['after', 'after its final line'],
    ['throw-later', 'without a final line'],
    ['throw', 'failed'],
    ['exit', 'Runtime.ExitError'],
    ['ask-nothing', 'neither inputRequests nor a requestState'],
    ['ask-wrong', 'input "it"'],
    ['too-large', 'line of more than'],
  ])('gets a clear tool error from a function that does this: %s', async (mode, expected) => {
    const result = await plain.call(mode)
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain(expected)
    expect(textOf(result), 'no stack').not.toMatch(/\.mjs|\n/)
    await plain.client.ping()
  })

  test('gets a tool error where the result breaks the output schema', async () => {
    const result = await plain.call('logs', { name: 'typed' })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toContain('output schema')
  })

  test('that cancels gets no result, hears no more, and goes on', async () => {
    const { client, heard, call } = await connect(sdk)
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
    await client.close()
  })

  test('gets lines that were cut within characters, and lines behind a prelude', async () => {
    const { client, heard, call } = await connect(sdk)
    expect(textOf(await call('bytes'))).toBe('ö 🎉')
    expect(heard).toEqual(['error "ü 🎈"'])
    expect(textOf(await call('prelude'))).toBe('behind a prelude')
    await client.close()
  })

  test('gets 20 MB in one line, and 20 MB in many, through a gateway that does not grow', async () => {
    const before = gateway.invocations.length
    const { client, heard, call } = await connect(sdk)
    const stream = gateway.invocations.slice(before).find(it => it.path === '/sse')
    const atFirst = peak(stream?.pid)
    expect(textOf(await call('many'))).toBe('many')
    expect(heard.map(it => Number.parseInt(it.slice('error "'.length), 10))).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    )
    expect(peak(stream?.pid) - atFirst, 'MB for lines that pass one by one').toBeLessThan(50)
    expect(textOf(await call('large')) === 'é'.repeat(10_000_000)).toBe(true)
    expect(peak(stream?.pid), 'MB of the 512 that the function has').toBeLessThan(350)
    await client.close()
  })

  test('reads, prompts and completes with a function that does not stream', async () => {
    const user = { elicit: () => ({ action: 'accept', content: { answer: 'Ada' } }) }
    const { client, call } = await connect(sdk, user)
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
    await expect(client.readResource({ uri: 'bad://two-finals' })).rejects.toMatchObject({
      code: -32603,
      message: expect.stringContaining('after its final line'),
    })
    expect((await client.getPrompt({ name: 'greet' })).messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Hello Ada' } },
    ])
    const argument = { name: 'name', value: 'A' }
    const ref = { type: 'ref/prompt', name: 'greet' } as const
    expect((await client.complete({ ref, argument })).completion.values).toEqual(['Ada'])
    const template = { type: 'ref/resource', uri: 'notes://{id}' } as const
    expect((await client.complete({ ref: template, argument })).completion.values).toEqual([])
    await client.close()
  })
})

/** In MB, of a process that lives; only Linux tells. */
function peak(pid: number | undefined): number {
  if (process.platform !== 'linux') return 0
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

test('the event is the request itself, and who sent it', async () => {
  const { client, call } = await connect('SDK 2.x', { elicit: () => ({}) })
  const event = JSON.parse(textOf(await call('event', { file: 'f', silent: true })))
  expect(event).toEqual({
    method: 'tools/call',
    params: { name: 'streamed', arguments: { mode: 'event', file: 'f' } },
    context: {
      type: 'tool',
      name: 'streamed',
      caller: {
        arn: 'arn:aws:iam::000000000000:user/local',
        principal: 'arn:aws:iam::000000000000:user/local',
        accountId: '000000000000',
      },
      sessionId: expect.stringMatching(/^[\w-]{24}$/),
      clientInfo: { name: 'test', version: '1.0.0' },
      clientCapabilities: { elicitation: expect.any(Object), sampling: {}, roots: {} },
    },
  })
  await client.close()
})
