import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { Client as Client2 } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Connected, connect, info, OVER, SDKS, textOf, type User } from './support/clients.ts'
import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ timeouts: { functions: 30 } })
  const { admin } = gateway
  const [contract, buffered] = ['contract', 'contractbuffered'].map(functionArn) as [string, string]
  await admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
  await admin.registerTool({
    name: 'contract',
    lambdaArn: contract,
    contract: 'mcp',
    parameters: { mode: 'string', file: 'string?' },
  })
  await admin.registerResource({
    name: 'readme',
    lambdaArn: functionArn('notes'),
    uri: 'notes://readme',
  })
  await admin.registerResource({
    name: 'notes',
    lambdaArn: buffered,
    contract: 'mcp',
    uriTemplate: 'notes://{id}',
  })
  await admin.registerPrompt({ name: 'greet', lambdaArn: buffered, contract: 'mcp' })
})
afterAll(() => gateway.close())

/** Says the last character of what it is asked. */
const user: User = {
  elicit: message => ({ action: 'accept', content: { answer: message.slice(-1) } }),
}

const newFile = () => join(tmpdir(), randomUUID())

const cells = SDKS.flatMap(sdk => OVER.map(over => [sdk, over] as const))

describe.each(cells)('%s, %s', (sdk, over) => {
  // HTTP+SSE has no way to say what 2026-07-28 asks of a request: its client finds that out and
  // introduces itself.
  const isStateless = sdk === 'SDK 2.x, 2026-07-28' && over.startsWith('/mcp')
  let it: Connected
  beforeAll(async () => {
    it = await connect(gateway, sdk, over, { user })
  })
  afterAll(() => it.client.close())

  /** What was heard since it was asked last. */
  const heard = () => it.heard.splice(0)

  test('negotiates a protocol version', () => {
    expect(it.revision()).toBe(isStateless ? '2026-07-28' : '2025-11-25')
    expect(it.client.getServerVersion()?.name).toBe('mcp-lambda-sam')
  })

  test('lists tools, resources, templates and prompts', async () => {
    const { client } = it
    expect((await client.listTools()).tools).toMatchObject([
      { name: 'contract' },
      { name: 'echo', inputSchema: { type: 'object', properties: { text: { type: 'string' } } } },
    ])
    expect((await client.listResources()).resources).toMatchObject([{ uri: 'notes://readme' }])
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([
      { uriTemplate: 'notes://{id}' },
    ])
    expect((await client.listPrompts()).prompts).toMatchObject([{ name: 'greet' }])
  })

  test('calls a tool', async () => {
    const { structuredContent } = await it.client.callTool({
      name: 'echo',
      arguments: { text: 'hé' },
    })
    expect(structuredContent).toMatchObject({
      event: { text: 'hé' },
      custom: { mcp: { name: 'echo', caller: { arn: 'arn:aws:iam::000000000000:user/local' } } },
    })
  })

  test('gets progress and log messages before the function has ended', async () => {
    const file = newFile()
    const result = it.call('wait', { file, logLevel: 'debug' })
    // The function goes on only when this file is there, so these lines did not come with its end.
    await until(() => it.heard.length === 2, 'the first progress and log line')
    expect(heard()).toEqual(['progress 1 half way', 'info "half way"'])
    writeFileSync(file, '')
    expect(textOf(await result)).toBe('done')
  })

  test('gets no progress that it did not ask for', async () => {
    expect(textOf(await it.call('steps', { silent: true }))).toBe('done')
    expect(heard()).toEqual([])
  })

  test('responds to an elicitation', async () => {
    expect(textOf(await it.call('elicit'))).toBe('accept {"answer":"?"}')
    expect(heard()).toEqual(['asked Sure?'])
  })

  test('responds to a stateless function that asks several times', async () => {
    const before = gateway.invocations.length
    expect(textOf(await it.call('rounds'))).toBe('1,2,3')
    expect(heard()).toEqual([0, 1, 2].flatMap(n => [`progress ${n}`, `asked Round ${n + 1}`]))
    const runs = gateway.invocations.slice(before).filter(it => it.functionName === 'contract')
    expect(runs).toHaveLength(4)
  })

  test('responds to a sampling request', async () => {
    expect(textOf(await it.call('sample'))).toBe('moon')
  })

  test('responds with its roots', async () => {
    expect(textOf(await it.call('roots'))).toBe('file:///home')
  })

  test('responds to several input requests of one round', async () => {
    expect(textOf(await it.call('all'))).toBe('form,where,word')
    expect(heard()).toEqual(['asked ?'])
  })

  test('reads resources', async () => {
    expect((await it.client.readResource({ uri: 'notes://readme' })).contents).toMatchObject([
      { text: 'note undefined at notes://readme' },
    ])
    expect((await it.client.readResource({ uri: 'notes://a%20b' })).contents).toEqual([
      { uri: 'notes://a%20b', text: 'a b' },
    ])
  })

  test('gets a prompt whose function asks the user first', async () => {
    expect((await it.client.getPrompt({ name: 'greet' })).messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Hello ?' } },
    ])
    expect(heard()).toEqual(['asked Who?'])
  })

  test('completes an argument', async () => {
    const { completion } = await it.client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'name', value: 'A' },
    })
    expect(completion.values).toEqual(['Ada'])
  })

  test('cancels a call at once, while calls beside and after it get their results', async () => {
    const [cancelled, other] = [newFile(), newFile()]
    const cancel = new AbortController()
    const beside = it.call('wait', { file: other })
    const result = it.call('wait', { file: cancelled, signal: cancel.signal })
    await until(() => it.heard.filter(line => line.startsWith('progress')).length === 2, 'progress')
    cancel.abort('changed my mind')
    // The function still waits for its file.
    await expect(result).rejects.toThrow('changed my mind')
    expect(textOf(await it.call('steps', { silent: true }))).toBe('done')
    // The function had begun: a late response is dropped.
    writeFileSync(cancelled, '')
    writeFileSync(other, '')
    expect(textOf(await beside)).toBe('done')
    expect(textOf(await it.call('elicit'))).toBe('accept {"answer":"?"}')
    heard()
  })
})

test('a client that speaks only 2026-07-28 gets an error on /sse', async () => {
  const client = new Client2(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  const { region, credentials, mcpUrl } = gateway
  const connecting = client.connect(new SigV4SseTransport(mcpUrl, { region, credentials }))
  await expect(connecting).rejects.toThrow('2026-07-28')
})
