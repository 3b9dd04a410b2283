import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { testFunction } from '@markvp/mcp-lambda-sam-functions'
import {
  Client,
  type ElicitResult,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'

const functions = fileURLToPath(new URL('./functions/', import.meta.url))
const examples = fileURLToPath(new URL('../examples/functions/', import.meta.url))

let ours: Gateway
let theirs: Gateway
beforeAll(async () => {
  ours = await startGateway()
  theirs = await startGateway({ functions: examples })
  for (const name of ['tool', 'buffered', 'resource', 'prompt'])
    await register(ours, functions, `authored${name}`)
  for (const name of ['primes', 'order']) await register(theirs, examples, name)
})
afterAll(async () => {
  await ours?.close()
  await theirs?.close()
})

/** As an author would: what the command prints is what is sent, as it is. */
async function register(gateway: Gateway, folder: string, name: string) {
  const file = join(folder, `${name}.mjs`)
  const { stdout } = await run('describe', file, '--arn', functionArn(name))
  const response = await gateway.fetch()(new URL('register', gateway.registrationUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: stdout,
  })
  expect(response.status, await response.text()).toBe(201)
}

/** The arguments that describe a new file with this text. */
function written(name: string, text: string): string[] {
  const folder = newFile()
  mkdirSync(folder)
  writeFileSync(join(folder, name), text)
  return [join(folder, name), '--arn', functionArn('x')]
}

const bin = fileURLToPath(new URL('../packages/server/bin/mcp-lambda-sam.js', import.meta.url))
const run = (...args: string[]) => promisify(execFile)(process.execPath, [bin, ...args])

const eras = { '2025-11-25': {}, '2026-07-28': { versionNegotiation: { mode: 'auto' } } } as const

interface Connection {
  client: Client
  /** All that came, in order. */
  heard: string[]
  call(name: string, args: object): Promise<{ isError: boolean; text: string; structured: unknown }>
}

/** A client whose user gives these answers, one after the other. */
async function connect(
  era: keyof typeof eras,
  gateway: Gateway,
  answers: ElicitResult[] = [],
): Promise<Connection> {
  const heard: string[] = []
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { ...eras[era], capabilities: { elicitation: {}, sampling: {}, roots: {} } },
  )
  client.setNotificationHandler('notifications/message', ({ params }) => {
    heard.push(`${params.level} ${JSON.stringify(params.data)}`)
  })
  client.setRequestHandler('elicitation/create', ({ params: { message } }) => {
    heard.push(`asked ${message}`)
    return answers.shift() ?? { action: 'cancel' }
  })
  client.setRequestHandler('sampling/createMessage', () => ({
    role: 'assistant',
    model: 'm',
    content: { type: 'text', text: 'moon' },
  }))
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home' }] }))
  const url = new URL('mcp', gateway.mcpUrl)
  const transport = new StreamableHTTPClientTransport(url, { fetch: gateway.fetch() })
  await client.connect(transport)
  // DELETE ends the GET stream of the session, which would hold a process until its idle time-out.
  const close = client.close.bind(client)
  client.close = async () => {
    await transport.terminateSession()
    await close()
  }
  expect(client.getNegotiatedProtocolVersion()).toBe(era)

  return {
    client,
    heard,
    async call(name, args) {
      const result = await client.callTool(
        { name, arguments: { ...args } },
        {
          onprogress({ progress, message = '' }) {
            // The SDK tells of its own rounds of 2026-07-28 in the same place.
            if (!message.startsWith('Fulfilling input'))
              heard.push(`progress ${progress} ${message}`.trim())
          },
        },
      )
      const { content, isError = false, structuredContent } = result
      const text = (content as { text: string }[]).map(it => it.text).join('\n')
      return { isError, text, structured: structuredContent }
    },
  }
}

const accept = (content: Record<string, string | boolean> = {}): ElicitResult => ({
  action: 'accept',
  content,
})
const newFile = () => join(tmpdir(), randomUUID())

describe.each(Object.keys(eras) as (keyof typeof eras)[])('a client of %s', era => {
  test('gets progress of a defined tool before the tool has ended', async () => {
    const { client, heard, call } = await connect(era, ours)
    const file = newFile()
    const result = call('authoredtool', { mode: 'wait', file })
    await until(() => heard.includes('progress 1 half way'), 'progress')
    writeFileSync(file, '')
    expect(await result).toMatchObject({ text: 'done', isError: false })
    await client.close()
  })

  test('gets progress of a computation that never awaits anything else', async () => {
    const { client, heard, call } = await connect(era, ours)
    const file = newFile()
    const result = call('authoredtool', { mode: 'compute', file })
    await until(() => heard.length > 3, 'progress')
    writeFileSync(file, '')
    expect(await result).toMatchObject({ text: 'done' })
    await client.close()
  })

  test('is asked round by round, and once() runs its step once', async () => {
    const answers = [accept({ answer: 'x' }), accept({ answer: 'one' }), accept({ answer: 'two' })]
    const { client, heard, call } = await connect(era, ours, answers)
    const file = newFile()
    expect(await call('authoredtool', { mode: 'rounds', file })).toMatchObject({ text: 'one,two' })
    expect(heard).toEqual([
      'asked first?',
      'asked first?\n\nThe answer did not fit. answer: two letters at least',
      'asked second?',
    ])
    expect(readFileSync(file, 'utf8')).toBe('once run run run run ')
    await client.close()
  })

  test('is asked for a form, roots and a sample in one round', async () => {
    const { client, call } = await connect(era, ours, [accept()])
    const before = ours.invocations.length
    expect(await call('authoredtool', { mode: 'together' })).toMatchObject({
      text: 'accept,file:///home,moon',
    })
    const runs = ours.invocations.slice(before).filter(it => it.functionName === 'authoredtool')
    expect(runs).toHaveLength(2)
    await client.close()
  })

  test('gets results, and errors without a stack trace', async () => {
    const { client, call } = await connect(era, ours)
    expect((await call('authoredtool', { mode: 'event' })).structured).toEqual({
      at: '2026-07-28T00:00:00.000Z',
      name: 'authoredtool',
      caller: 'arn:aws:iam::000000000000:user/local',
    })
    expect(await call('authoredtool', { mode: 'throw' })).toMatchObject({
      isError: true,
      text: 'no such city',
    })
    expect(await call('authoredtool', { mode: 'other' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('Invalid arguments for the tool "authoredtool"'),
    })
    await client.close()
  })

  test('is asked by a buffered tool, and gets no progress', async () => {
    const { client, heard, call } = await connect(era, ours, [{ action: 'decline' }])
    expect(await call('authoredbuffered', {})).toMatchObject({ text: 'decline' })
    expect(heard).toEqual(['asked form?'])
    await client.close()
  })

  test('reads a resource, completes a variable, and gets an error for what is missing', async () => {
    const { client } = await connect(era, ours)
    expect((await client.readResource({ uri: 'authored://a%20b' })).contents).toEqual([
      { uri: 'authored://a%20b', mimeType: 'text/plain', text: 'a b at authored://a%20b' },
    ])
    await expect(client.readResource({ uri: 'authored://missing' })).rejects.toMatchObject({
      code: -32602,
      data: { uri: 'authored://missing' },
    })
    const complete = (name: string) =>
      client.complete({
        ref: { type: 'ref/resource', uri: 'authored://{id}' },
        argument: { name, value: 't' },
      })
    expect((await complete('id')).completion.values).toEqual(['two'])
    expect((await complete('other')).completion.values).toEqual([])
    await client.close()
  })

  test('gets a prompt that asks for input', async () => {
    const { client } = await connect(era, ours, [accept()])
    const { prompts } = await client.listPrompts()
    expect(prompts).toMatchObject([{ arguments: [{ name: 'topic', required: true }, {}] }])
    const { messages } = await client.getPrompt({
      name: 'authoredprompt',
      arguments: { topic: 'tides' },
    })
    expect(messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'tides, neutral, accept' } },
    ])
    await client.close()
  })

  test('gets progress of the primes example, segment by segment', async () => {
    const { client, heard, call } = await connect(era, theirs)
    expect(await call('primes', { limit: 3_500_000 })).toMatchObject({
      structured: { count: 250_150, largest: 3_499_999 },
    })
    expect(heard).toEqual([
      'progress 999999 78498 primes up to 999999',
      'progress 1999999 148933 primes up to 1999999',
      'progress 2999999 216816 primes up to 2999999',
      'progress 3500000 250150 primes up to 3500000',
    ])
    await client.close()
  })

  test('confirms an order, declines one, and leaves a box unticked', async () => {
    const answers = [
      accept({ confirm: true, note: 'thanks' }),
      { action: 'decline' as const },
      accept({ confirm: false }),
    ]
    const { client, heard, call } = await connect(era, theirs, answers)
    const args = { item: 'lamp', quantity: 2 }
    const { text } = await call('order', args)
    const [asked] = heard
    // The price that was asked for is the one that is paid.
    expect(asked).toMatch(/^asked Order 2 × lamp for \d+\.\d\d €\?$/)
    const price = /for (.+) €/.exec(asked ?? '')?.[1]
    expect(text).toMatch(new RegExp(`^Ordered 2 × lamp for ${price} €: number [0-9a-f]{8}$`))
    expect(await call('order', args)).toMatchObject({ text: 'Nothing was ordered' })
    expect(await call('order', args)).toMatchObject({ text: 'Nothing was ordered' })
    await client.close()
  })
})

test('the examples run in a unit test, without a gateway', async () => {
  const { handler: primes } = await import(join(examples, 'primes.mjs'))
  const { handler: order } = await import(join(examples, 'order.mjs'))
  expect(await testFunction(primes, { limit: 30 })).toMatchObject({
    result: { structuredContent: { count: 10, largest: 29 } },
    progress: [{ progress: 30, total: 30 }],
  })
  const args = { item: 'lamp', quantity: 1 }
  const confirmed = { confirm: { action: 'accept' as const, content: { confirm: true } } }
  expect(await testFunction(order, args, { answers: confirmed })).toMatchObject({
    text: expect.stringContaining('Ordered 1 × lamp'),
    rounds: 2,
  })
  const declined = { confirm: { action: 'decline' as const } }
  expect(await testFunction(order, args, { answers: declined })).toMatchObject({
    text: 'Nothing was ordered',
  })
})

test('describe reads TypeScript, prints a registration alone, and says where a file is wrong', async () => {
  const file = `${newFile()}.ts`
  writeFileSync(
    file,
    `import { defineTool } from ${JSON.stringify(fileURLToPath(import.meta.resolve('@markvp/mcp-lambda-sam-functions')))}
    export const handler = defineTool({ name: 'typed' as const, run: (args: object) => args })`,
  )
  const role = 'arn:aws:iam::123456789012:role/agents'
  const { stdout } = await run('describe', file, '--arn', functionArn('typed'), '--allow', role)
  expect(JSON.parse(stdout)).toEqual({
    type: 'tool',
    name: 'typed',
    inputSchema: { type: 'object', properties: {} },
    contract: 'mcp',
    lambdaArn: functionArn('typed'),
    allow: [role],
  })
  const noisy = written(
    'noisy.ts',
    `${readFileSync(file, 'utf8')}\nconsole.log('loading')\nsetInterval(() => {}, 1000)`,
  )
  expect(JSON.parse((await run('describe', ...noisy)).stdout)).toMatchObject({ name: 'typed' })
  const wrong: [string[], number, RegExp][] = [
    [[file], 2, /--arn/],
    [['missing.mjs', '--arn', 'x'], 2, /missing\.mjs/],
    [[file, '--nope'], 2, /--nope.*--help/],
    [[join(functions, 'echo.mjs'), '--arn', 'x'], 1, /echo\.mjs: .*defineTool/],
    [written('throws.mjs', '\nconst a = 1\na.b.c()'), 1, /throws\.mjs:3:5: TypeError: .*\nCorrect/],
    [
      written('throws.ts', 'type A = 1\n\n  throw new Error("no key")'),
      1,
      /throws\.ts:3:9: Error: no key/,
    ],
    [written('text.mjs', 'throw "no key"'), 1, /text\.mjs: it throws no key/],
    [written('syntax.mjs', '\nexport const handler = ;'), 1, /syntax\.mjs:2:24: Unexpected ";"/],
    [written('syntax.ts', 'export const a: = 1'), 1, /syntax\.ts:1:17: Unexpected/],
    [written('exits.mjs', 'process.exit(0)'), 1, /exits\.mjs does not load: it ends the process/],
    [written('waits.mjs', 'await new Promise(() => {})'), 1, /waits\.mjs does not load: .* waits/],
    [written('none.mjs', 'export const run = 1'), 1, /none\.mjs exports no handler, but run\.\n/],
  ]
  for (const [args, code, stderr] of wrong)
    await expect(run('describe', ...args)).rejects.toMatchObject({
      code,
      stderr: expect.stringMatching(stderr),
    })
})
