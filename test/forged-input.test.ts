import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { eventsOf, type Message, openSession } from './support/mcp-wire.ts'
import {
  initialize,
  initialized,
  messagesIn,
  meta,
  openRaw,
  postMcp,
  postRaw,
} from './support/sse-wire.ts'

// A client sends input responses and a request state that nobody asked it for, or changes them.

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
  const { admin } = gateway
  const tool = { contract: 'mcp', parameters: { mode: 'string', file: 'string?' } } as const
  await admin.registerTool({ ...tool, name: 'contract', lambdaArn: functionArn('contract') })
  await admin.registerTool({
    ...tool,
    name: 'early',
    lambdaArn: functionArn('contract'),
    _meta: { 'mcp-lambda-sam/takesEarlyInputResponses': true },
  })
  await admin.registerTool({
    name: 'authoredtool',
    contract: 'mcp',
    lambdaArn: functionArn('authoredtool'),
    parameters: { mode: 'string', file: 'string?' },
  })
  await admin.registerTool({
    name: 'authoredonce',
    contract: 'mcp',
    lambdaArn: functionArn('authoredonce'),
    parameters: { file: 'string' },
  })
  const other = { contract: 'mcp', lambdaArn: functionArn('contract') } as const
  await admin.registerResource({ ...other, name: 'note', uriTemplate: 'note://{mode}' })
  await admin.registerPrompt({ ...other, name: 'contract', arguments: [{ name: 'mode' }] })
})
afterAll(() => gateway.close())

const newFile = () => join(tmpdir(), randomUUID())
const accept = { action: 'accept', content: { answer: 'forged' } }

/** What each function of the tests would take for a confirmation. */
const inputResponses = { ok: accept, next: accept, sure: accept, first: accept, second: accept }
const states = [
  JSON.stringify({ said: ['forged', 'forged'] }),
  JSON.stringify({
    asked: Object.keys(inputResponses),
    answers: inputResponses,
    done: { mark: [null] },
  }),
]
let lastId = 6
const request = (method: string, params: object) => ({
  jsonrpc: '2.0',
  id: ++lastId,
  method,
  params,
})
const requestOf = (name: string, args: object, more: object = {}) =>
  request('tools/call', { name, arguments: args, ...more })
type Call = ReturnType<typeof request>

/** The event of the function, which returns it in the results of all methods. */
function eventIn(result: unknown): { params: object } {
  const { content, messages, contents, completion } = result as {
    content?: { text: string }[]
    messages?: { content: { text: string } }[]
    contents?: { text: string }[]
    completion?: { values: string[] }
  }
  const [first] = content ?? contents ?? messages?.map(it => it.content) ?? []
  return JSON.parse(first?.text ?? completion?.values[0] ?? '{}')
}

/** Sends a request as a client without capabilities, and resolves with its response. */
type Send = (request: Call) => Promise<Message | undefined>

async function inSession(protocolVersion: string): Promise<Send> {
  const session = await openSession(gateway, { protocolVersion })
  return async request => eventsOf(await session.post(request)).message(it => it.id === request.id)
}
async function withoutSession(version: string): Promise<Send> {
  const headers = { 'mcp-protocol-version': version }
  return async request => {
    const messages = await messagesIn(await postMcp(gateway, request, { headers }))
    return messages.find(it => it.id === request.id)
  }
}
async function overSse(): Promise<Send> {
  const stream = await openRaw(gateway)
  for (const message of [initialize, initialized]) await postRaw(gateway, stream.endpoint, message)
  return async request => {
    await postRaw(gateway, stream.endpoint, request)
    const text = await stream.read(new RegExp(`"id":${request.id}[,}]`))
    const data = [...text.matchAll(/^data: (\{.+)$/gm)].map(([, it = '']) => JSON.parse(it))
    return data.find(it => it.id === request.id)
  }
}

describe.each<[string, () => Promise<Send>]>([
  ['/sse', overSse],
  ['a session of 2025-03-26', () => inSession('2025-03-26')],
  ['a session of 2025-06-18', () => inSession('2025-06-18')],
  ['a session of 2025-11-25', () => inSession('2025-11-25')],
  ['no session, 2025-06-18', () => withoutSession('2025-06-18')],
  ['no session, 2025-11-25', () => withoutSession('2025-11-25')],
])('%s: what the client brings does not reach the function', (_, open) => {
  let send: Send
  beforeAll(async () => {
    send = await open()
  })

  test.each<[string, object]>([
    ['tools/call', { name: 'contract', arguments: { mode: 'event' } }],
    ['prompts/get', { name: 'contract', arguments: { mode: 'event' } }],
    ['resources/read', { uri: 'note://event' }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'contract' }, argument: { name: 'mode', value: 'e' } },
    ],
  ])('in its event of %s', async (method, params) => {
    for (const requestState of [...states, { done: true }, 7, null, undefined]) {
      const response = await send(request(method, { ...params, inputResponses, requestState }))
      expect(eventIn(response?.result).params).toEqual(params)
    }
  })

  test('as a confirmation, or as a result of an earlier round', async () => {
    for (const requestState of states)
      for (const [name, mode] of [
        ['contract', 'elicit'],
        ['contract', 'rounds'],
        ['authoredtool', 'confirm'],
        ['authoredtool', 'rounds'],
      ] as const) {
        const file = newFile()
        const response = await send(
          requestOf(name, { mode, file }, { inputResponses, requestState }),
        )
        // The client cannot be asked.
        expect(response).toMatchObject({ result: { isError: true } })
        expect(JSON.stringify(response)).not.toMatch(/accept|forged/)
        if (mode === 'confirm') expect(() => readFileSync(file)).toThrow('ENOENT')
        if (mode === 'rounds' && name === 'authoredtool')
          expect(readFileSync(file, 'utf8')).toBe('once run ')
      }
  })
})

test('a client that can be asked is asked, whatever it brings', async () => {
  const session = await openSession(gateway, { capabilities: { elicitation: {} } })
  const forged = { inputResponses, requestState: states[0] }
  const request = requestOf('contract', { mode: 'elicit' }, forged)
  const events = eventsOf(await session.post(request))
  const asked = await events.message(it => it.method === 'elicitation/create')
  await session.post({ jsonrpc: '2.0', id: asked.id, result: { action: 'decline' } })
  const { result } = await events.message(it => it.id === request.id)
  expect(result).toMatchObject({ content: [{ text: 'decline undefined' }] })
})

describe('2026-07-28', () => {
  async function call(
    name: string,
    args: object,
    more: { inputResponses?: object | undefined; requestState?: unknown } = {},
  ) {
    const request = requestOf(name, args, { ...more, _meta: meta })
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    }
    return (await messagesIn(await postMcp(gateway, request, { headers }))).at(-1)
  }
  const refused = { error: { code: -32602, message: expect.stringContaining('requestState') } }
  const asks = { result: { resultType: 'input_required', requestState: expect.any(String) } }
  const stateOf = async (name: string, args: object) =>
    (await call(name, args))?.result?.['requestState']

  test('input responses without a state of the gateway are dropped', async () => {
    const event = await call('contract', { mode: 'event' }, { inputResponses })
    expect(JSON.stringify(event)).not.toContain('forged')
    for (const mode of ['elicit', 'rounds'])
      expect(await call('contract', { mode }, { inputResponses })).toMatchObject(asks)
  })

  test.each(['made up', '{"said":["forged","forged"]}', '', 7, null, { item: 'tool-contract' }])(
    'the state %o is refused',
    async requestState => {
      const response = await call('contract', { mode: 'elicit' }, { inputResponses, requestState })
      expect(response).toMatchObject(refused)
    },
  )

  test('a confirmation holds for the same arguments, in any order, and for no others', async () => {
    const file = newFile()
    const requestState = await stateOf('contract', { mode: 'elicit', file })
    const confirmed = { inputResponses: { ok: accept }, requestState }
    for (const args of [
      { mode: 'elicit', file: '/etc' },
      { mode: 'elicit' },
      { mode: 'elicit', file, more: 1 },
      { mode: 'elicit', file: [file] },
      {},
    ]) {
      const response = await call('contract', args, confirmed)
      expect(JSON.stringify(response)).not.toContain('accept ')
    }
    expect(await call('contract', { file: '/etc', mode: 'elicit' }, confirmed)).toMatchObject(
      refused,
    )
    expect(await call('contract', { file, mode: 'elicit' }, confirmed)).toMatchObject({
      result: { content: [{ text: 'accept {"answer":"forged"}' }] },
    })
  })

  test('a state of one URI is refused for another', async () => {
    const read = async (uri: string, more: object = {}) => {
      const params = { uri, ...more, _meta: meta }
      const request = { jsonrpc: '2.0', id: 7, method: 'resources/read', params }
      const headers = {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'resources/read',
        'mcp-name': uri,
      }
      return (await messagesIn(await postMcp(gateway, request, { headers }))).at(-1)
    }
    const first = await read('note://elicit', { inputResponses })
    expect(first).toMatchObject(asks)
    const requestState = await stateOf('contract', { mode: 'elicit' })
    expect(await read('note://elicit', { inputResponses, requestState })).toMatchObject(refused)
    // The state of another registration, which had this URI.
    const { requestState: earlier } = first?.result ?? {}
    await gateway.admin.registerResource({
      name: 'exact',
      contract: 'mcp',
      lambdaArn: functionArn('contract'),
      uri: 'note://elicit',
    })
    const again = () => read('note://elicit', { inputResponses, requestState: earlier })
    await expect.poll(again, { timeout: 20_000 }).toMatchObject(refused)
  })

  test.each(['contract', 'authoredonce'])(
    'a confirmation that can be used once runs %s once',
    async name => {
      const file = newFile()
      const args = name === 'contract' ? { mode: 'elicit-once', file } : { file }
      const requestState = await stateOf(name, args)
      expect(JSON.stringify(await call(name, args))).not.toContain('singleUse')
      const confirmed = { inputResponses: { ok: accept, sure: accept }, requestState }
      const all = await Promise.all([1, 2, 3, 4].map(() => call(name, args, confirmed)))
      expect(all.filter(it => it?.result)).toHaveLength(1)
      expect(all.filter(it => it?.error?.message.includes('used before'))).toHaveLength(3)
      expect(await call(name, args, confirmed)).toMatchObject(refused)
      expect(readFileSync(file, 'utf8').trim()).toBe('accept')
    },
  )

  test('other confirmations can be sent again, for example after a lost response', async () => {
    const args = { mode: 'elicit' }
    const requestState = await stateOf('contract', args)
    const confirmed = { inputResponses: { ok: accept }, requestState }
    for (let n = 0; n < 2; n++)
      expect((await call('contract', args, confirmed))?.result).toHaveProperty('content')
  })

  test('a registration can take responses to questions that were not asked yet', async () => {
    const response = await call('early', { mode: 'elicit' }, { inputResponses })
    expect(response?.result).toMatchObject({
      content: [{ text: expect.stringContaining('accept') }],
    })
  })
})
