import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { connect, textOf } from './support/clients.ts'
import {
  agentMonday,
  functionArn,
  type Gateway,
  startGateway,
  stranger,
} from './support/gateway.ts'
import type { Message } from './support/mcp-wire.ts'
import { initialized, messagesIn, meta, openRaw, postMcp, postRaw } from './support/sse-wire.ts'

// What the revisions of 2025 say of /mcp word for word, as a client meets it that is no SDK's.

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string' },
  })
})
afterAll(() => gateway.close())

const mcp = () => new URL('mcp', gateway.mcpUrl)
const initialize = (protocolVersion: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
})
const ping = { jsonrpc: '2.0', id: 'ping', method: 'ping' }
const listTools = { jsonrpc: '2.0', id: 'list', method: 'tools/list' }
const cancelled = {
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId: 'nothing' },
}
const reply = { jsonrpc: '2.0', id: 'unknown-request', result: {} }
const call = (mode: string, more: object = {}) => ({
  jsonrpc: '2.0',
  id: mode,
  method: 'tools/call',
  params: { name: 'contract', arguments: { mode }, ...more },
})

type Headers = Record<string, string | undefined>

/** A session that a client of one revision has opened, and what it sends then. */
async function open(revision: string) {
  const response = await postMcp(gateway, initialize(revision))
  const [answer] = await messagesIn(response)
  const headers: Headers = {
    'mcp-session-id': response.headers.get('mcp-session-id') ?? undefined,
    // 2025-03-26 does not know this header.
    'mcp-protocol-version': revision === '2025-03-26' ? undefined : revision,
  }
  const send = (body: unknown, more: Headers = {}) =>
    postMcp(gateway, body, { headers: { ...headers, ...more } })
  const request = (method: 'GET' | 'DELETE', more: Headers = {}) =>
    gateway.fetch()(mcp(), { method, headers: given({ ...headers, ...more }) })
  expect((await send(initialized)).status).toBe(202)
  return { answer, headers, send, request }
}

const given = (headers: Headers) =>
  Object.entries(headers).filter((it): it is [string, string] => it[1] !== undefined)

/** The status, and the code of the JSON-RPC error, which every refusal has for a body. */
async function refusal(response: Response): Promise<[number, number | undefined]> {
  const answer: Message = await response.json()
  expect(answer).toMatchObject({ jsonrpc: '2.0', error: { message: expect.any(String) } })
  return [response.status, answer.error?.code]
}

const ids = (messages: Message[]) => messages.map(it => it.id).sort()

describe.each(['2025-03-26', '2025-06-18', '2025-11-25'])('protocol version %s', revision => {
  test('is negotiated with a client that asks for it', async () => {
    const { answer, headers } = await open(revision)
    expect(answer?.result).toMatchObject({ protocolVersion: revision })
    expect(headers['mcp-session-id']).toMatch(/^[\x21-\x7e]+$/)
  })

  test('accepts a missing version header and refuses a wrong one', async () => {
    const { send, request } = await open(revision)
    for (const version of [revision, undefined]) {
      const response = await send(ping, { 'mcp-protocol-version': version })
      expect(await messagesIn(response)).toEqual([{ jsonrpc: '2.0', id: 'ping', result: {} }])
    }
    for (const version of ['2099-01-01', '1', revision.replaceAll('-', '')]) {
      const wrong = { 'mcp-protocol-version': version }
      for (const message of [ping, cancelled, reply, call('steps')])
        expect((await refusal(await send(message, wrong)))[0]).toBe(400)
      const accept = 'text/event-stream'
      expect((await refusal(await request('GET', { ...wrong, accept })))[0]).toBe(400)
      expect((await refusal(await request('DELETE', wrong)))[0]).toBe(400)
    }
    // The session was not harmed by any of these.
    expect((await send(ping)).status).toBe(200)
  })

  test('is served without a session too', async () => {
    const headers = { 'mcp-protocol-version': revision }
    const [answer] = await messagesIn(await postMcp(gateway, listTools, { headers }))
    expect(answer).toMatchObject({ id: 'list', result: { tools: [{ name: 'contract' }] } })
    const wrong = { headers: { 'mcp-protocol-version': '2099-01-01' } }
    expect((await refusal(await postMcp(gateway, listTools, wrong)))[0]).toBe(400)
  })

  test('takes notifications and replies with 202', async () => {
    const { send } = await open(revision)
    for (const message of [initialized, cancelled, reply]) {
      const response = await send(message)
      expect(response.status).toBe(202)
      // A byte has to leave Lambda, or the response never does; it says nothing.
      expect((await response.text()).trim()).toBe('')
    }
  })

  test('requires JSON, and an Accept header with both response types', async () => {
    const { send, request } = await open(revision)
    for (const accept of ['application/json', 'text/event-stream', 'text/html'])
      expect(await refusal(await send(ping, { accept })), accept).toEqual([406, -32_000])
    for (const accept of ['application/json', 'text/html'])
      expect(await refusal(await request('GET', { accept })), accept).toEqual([406, -32_000])
    for (const type of ['text/plain', undefined])
      expect(await refusal(await send(ping, { 'content-type': type }))).toEqual([415, -32_000])
    const type = 'application/json; charset=utf-8'
    expect((await send(ping, { 'content-type': type })).status).toBe(200)
  })

  test.each<[string, unknown, number, number]>([
    ['nothing', '', 400, -32_700],
    ['text that is not JSON', '{"jsonrpc":', 400, -32_700],
    ['a message of JSON-RPC 1.0', { ...ping, jsonrpc: '1.0' }, 400, -32_600],
    ['a number', 7, 400, -32_600],
  ])('refuses %s', async (_, body, status, code) => {
    const { send } = await open(revision)
    expect(await refusal(await send(body))).toEqual([status, code])
  })

  test('finds no session for an unknown id, an ended session or another caller', async () => {
    const { send, headers, request } = await open(revision)
    const unknown = { 'mcp-session-id': 'x'.repeat(24) }
    for (const it of [unknown, { 'mcp-session-id': '../../x' }])
      expect(await refusal(await send(ping, it))).toEqual([404, -32_001])
    const accept = 'text/event-stream'
    expect((await refusal(await request('GET', { ...unknown, accept })))[0]).toBe(404)
    expect((await refusal(await request('DELETE', unknown)))[0]).toBe(404)

    for (const credentials of [agentMonday, stranger])
      for (const message of [ping, cancelled, reply]) {
        const response = await postMcp(gateway, message, { headers, credentials })
        expect(await refusal(response)).toEqual([404, -32_001])
      }
    const taken = { method: 'DELETE', headers: given(headers) }
    expect((await gateway.fetch(stranger)(mcp(), taken)).status).toBe(404)
    expect((await send(ping)).status).toBe(200)

    expect((await request('DELETE')).status).toBe(200)
    expect(await refusal(await send(ping))).toEqual([404, -32_001])
  })

  test('refuses GET and DELETE without a session', async () => {
    const headers = { 'mcp-protocol-version': revision, accept: 'text/event-stream' }
    for (const method of ['GET', 'DELETE'])
      expect((await refusal(await gateway.fetch()(mcp(), { method, headers })))[0]).toBe(405)
  })

  test('initializes a session once: not again, and not in a batch', async () => {
    const { send } = await open(revision)
    expect((await refusal(await send(initialize(revision))))[0]).toBe(400)
    expect((await refusal(await send([initialize(revision), ping])))[0]).toBe(400)
    const batch = [initialize(revision), ping]
    expect((await refusal(await postMcp(gateway, batch)))[0]).toBe(400)
  })
})

test.each([['2024-11-05'], ['2099-01-01']])(
  'negotiates a known protocol version with a client of %s',
  async asked => {
    const response = await postMcp(gateway, initialize(asked))
    const [answer] = await messagesIn(response)
    const protocolVersion = asked === '2099-01-01' ? '2025-11-25' : asked
    expect(answer?.result).toMatchObject({ protocolVersion })
  },
)

describe('a JSON-RPC batch', () => {
  test('of requests gets all responses, in 2025-03-26', async () => {
    const { send } = await open('2025-03-26')
    const quick = await messagesIn(await send([ping, listTools]))
    expect(ids(quick)).toEqual(['list', 'ping'])
    // One that streams makes a stream of all.
    const messages = await messagesIn(await send([ping, call('steps'), initialized]))
    expect(ids(messages.filter(it => it.id))).toEqual(['ping', 'steps'])
    expect(messages.find(it => it.id === 'steps')?.result).toMatchObject({
      content: [{ text: 'done' }],
    })
  })

  test('of one request gets a batch of one response', async () => {
    const { send } = await open('2025-03-26')
    expect(ids(await messagesIn(await send([ping])))).toEqual(['ping'])
  })

  test('without a request gets 202, in 2025-03-26', async () => {
    const { send } = await open('2025-03-26')
    for (const batch of [[initialized, cancelled], [reply], [reply, cancelled]]) {
      const response = await send(batch)
      expect([response.status, (await response.text()).trim()]).toEqual([202, ''])
    }
  })

  test('is refused when it is empty, too long, or holds no messages', async () => {
    const { send } = await open('2025-03-26')
    const many = Array.from({ length: 101 }, (_, id) => ({ ...ping, id }))
    for (const batch of [[], many, [ping, {}], [[ping]]])
      expect((await refusal(await send(batch)))[0]).toBe(400)
  })

  test('is served without a session too', async () => {
    expect(ids(await messagesIn(await postMcp(gateway, [ping, listTools])))).toEqual([
      'list',
      'ping',
    ])
  })

  test.each(['2025-06-18', '2025-11-25'])('is refused in %s', async revision => {
    const { send } = await open(revision)
    for (const batch of [[ping, listTools], [ping], [cancelled], [reply]])
      expect(await refusal(await send(batch))).toEqual([400, -32_600])
  })

  test.each(['2025-06-18', '2025-11-25'])('is refused in %s without a session', async revision => {
    const headers = { 'mcp-protocol-version': revision }
    expect((await refusal(await postMcp(gateway, [ping, listTools], { headers })))[0]).toBe(400)
  })
})

describe('the log level', () => {
  const setLevel = (level: string) => ({
    jsonrpc: '2.0',
    id: 'level',
    method: 'logging/setLevel',
    params: { level },
  })
  const levels = (messages: Message[]) =>
    messages
      .filter(it => it.method === 'notifications/message')
      .map(it => it.params?.['level'] as string)
  const ALL = ['debug', 'info', 'warning', 'error']

  test('of a session applies in every process', async () => {
    const { send } = await open('2025-11-25')
    let calls = 0
    const logs = async () =>
      levels(await messagesIn(await send({ ...call('logs'), id: `logs ${++calls}` })))
    expect(await logs()).toEqual(ALL)
    const before = gateway.invocations.length
    // At the same time, so that these run in processes of their own.
    const [set] = await Promise.all([send(setLevel('warning')), logs(), logs()])
    expect(await messagesIn(set)).toMatchObject([{ id: 'level', result: {} }])
    const answers = await Promise.all([logs(), logs(), logs()])
    expect(answers).toEqual(answers.map(() => ['warning', 'error']))
    const posts = gateway.invocations.slice(before).filter(it => it.path === '/mcp')
    expect(new Set(posts.map(it => it.pid)).size).toBeGreaterThan(1)
    await send(setLevel('debug'))
    expect(await logs()).toEqual(ALL)
  })

  test('stays as it was after an unknown level', async () => {
    const { send } = await open('2025-11-25')
    await send(setLevel('error'))
    const [answer] = await messagesIn(await send(setLevel('shouting')))
    expect(answer?.error).toMatchObject({ code: expect.any(Number) })
    expect(levels(await messagesIn(await send(call('logs'))))).toEqual(['error'])
  })

  test('of one session does not change another session', async () => {
    const [quiet, loud] = [await open('2025-11-25'), await open('2025-11-25')]
    await quiet.send(setLevel('error'))
    expect(levels(await messagesIn(await loud.send(call('logs'))))).toEqual(ALL)
  })

  test('of a session applies in a batch too', async () => {
    const { send } = await open('2025-03-26')
    await messagesIn(await send([setLevel('warning'), ping]))
    expect(levels(await messagesIn(await send(call('logs'))))).toEqual(['warning', 'error'])
  })

  test('of /sse applies to its stream', async () => {
    const stream = await openRaw(gateway)
    const send = (message: object) => postRaw(gateway, stream.endpoint, message)
    await send(initialize('2024-11-05'))
    await send(initialized)
    await send(setLevel('warning'))
    await send(call('logs'))
    const text = await stream.read(/"id":"logs"/)
    const messages = [...text.matchAll(/^data: (\{.+)$/gm)].map(([, it = '']) => JSON.parse(it))
    expect(levels(messages)).toEqual(['warning', 'error'])
    await stream.close()
  })

  test('of a 2026-07-28 request is the one in that request, and none by default', async () => {
    const logs = async (level?: string) => {
      const _meta = level ? { ...meta, 'io.modelcontextprotocol/logLevel': level } : meta
      const response = await postMcp(gateway, call('logs', { _meta }), {
        headers: {
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'contract',
        },
      })
      return levels(await messagesIn(response))
    }
    expect(await logs()).toEqual([])
    expect(await logs('debug')).toEqual(ALL)
    expect(await logs('warning')).toEqual(['warning', 'error'])
    expect(await logs()).toEqual([])
  })

  test('is sent by the SDK’s client of 2026-07-28 with each call', async () => {
    const over = '/mcp over our transport'
    const { client, call, heard } = await connect(gateway, 'SDK 2.x, 2026-07-28', over)
    expect(textOf(await call('logs'))).toBe('logged')
    expect(heard).toEqual([])
    expect(textOf(await call('logs', { logLevel: 'error' }))).toBe('logged')
    expect(heard).toEqual(['error {"level":"error"}'])
    await client.close()
  })
})
