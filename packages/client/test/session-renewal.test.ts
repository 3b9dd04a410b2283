import type { ServerResponse } from 'node:http'

import { expect, onTestFinished, test, vi } from 'vitest'

import {
  type JsonRpcMessage,
  SigV4StreamableHttpTransport,
  type TransportOptions,
} from '../src/index.ts'
import { type Message, serve } from './support/server.ts'
import { KEY, REGION, refusalOf } from './support/verifier.ts'

const VERSION = '2025-11-25'
const CLIENT = { capabilities: { roots: {} }, clientInfo: { name: 'test', version: '1' } }

test('a message that a forgotten session refused is sent in a new one, unnoticed by the client', async () => {
  const { transport, server, log, responseTo } = await connected()
  server.forget()
  expect(await responseTo(request(1, 'tools/call', { name: 'x' }))).toEqual(done(1))

  expect(transport.sessionId).toBe('session-2')
  expect(server.posts.slice(2)).toMatchObject([
    { session: 'session-1', message: { id: 1, method: 'tools/call' } },
    { message: { method: 'initialize', params: { ...CLIENT, protocolVersion: VERSION } } },
    { session: 'session-2', message: { method: 'notifications/initialized' } },
    { session: 'session-2', message: { id: 1, method: 'tools/call', params: { name: 'x' } } },
  ])
  const [first, second] = server.posts.filter(it => it.message.method === 'initialize')
  for (const initialize of [first, second]) {
    expect(initialize?.session).toBeUndefined()
    expect(initialize?.version).toBeUndefined()
  }
  expect(second?.message.id).not.toBe(first?.message.id)
  for (const { version } of server.posts.slice(4)) expect(version).toBe(VERSION)
  expect(log).toEqual([`response ${JSON.stringify(1)}`])
})

test.each([
  ['JSON', false],
  ['a stream', true],
])('the responses that begin the new session may come in %s', async (_, streamed) => {
  const { server, responseTo, log } = await connected({ streamed })
  await responseTo(request(1, 'logging/setLevel', { level: 'debug' }))
  server.forget()
  expect(await responseTo(request(2))).toEqual(done(2))
  expect(log.filter(it => it !== 'notifications/along')).toEqual(['response 1', 'response 2'])
  // The messages that came with the responses go to the client.
  expect(log.filter(it => it === 'notifications/along')).toHaveLength(streamed ? 2 : 0)
})

test('messages that are refused together, or sent meanwhile, share one new session', async () => {
  const begun = deferred()
  const go = deferred()
  const { server, responseTo } = await connected({
    async before({ method }, _, isFirst) {
      if (method !== 'initialize' || isFirst) return
      begun.resolve()
      await go.promise
    },
  })
  server.forget()
  const calls = Array.from({ length: 20 }, (_, n) => responseTo(request(n)))
  await begun.promise
  const late = [responseTo(request(20)), responseTo(request(21))]
  go.resolve()
  expect(await Promise.all([...calls, ...late])).toEqual(
    Array.from({ length: 22 }, (_, n) => done(n)),
  )

  expect(server.initializations()).toBe(2)
  expect(server.ran).toHaveLength(22)
  expect(new Set(server.ran).size).toBe(22)
  const refused = server.posts.filter(
    it => it.session === 'session-1' && it.message.id !== undefined,
  )
  expect(refused.map(it => it.message.id)).not.toContain(20)
})

test('a refusal that arrives after the new session has begun does not begin a third', async () => {
  const late = deferred()
  const { server, responseTo, transport } = await connected({
    before: ({ id }, session) => (id === 1 && session === 'session-1' ? late.promise : undefined),
  })
  server.forget()
  const slow = responseTo(request(1))
  await vi.waitUntil(() => server.posts.some(it => it.message.id === 1))
  expect(await responseTo(request(2))).toEqual(done(2))
  late.resolve()
  expect(await slow).toEqual(done(1))
  expect(server.initializations()).toBe(2)
  expect(transport.sessionId).toBe('session-2')
})

test('the new session has the state of the old one, and nothing else', async () => {
  const { server, responseTo } = await connected({
    refuse: ({ params }) => params?.['uri'] === 'a://refused',
  })
  const subscribe = (id: number, uri: string, method = 'resources/subscribe') =>
    responseTo(request(id, method, { uri }))
  await subscribe(1, 'a://1')
  await subscribe(2, 'a://2')
  await subscribe(3, 'a://1', 'resources/unsubscribe')
  await subscribe(4, 'a://refused')
  await responseTo(request(5, 'logging/setLevel', { level: 'debug' }))
  await responseTo(request(6, 'logging/setLevel', { level: 'error' }))
  for (let n = 7; n < 17; n++) await subscribe(n, `a://${n}`)
  server.forget()
  await responseTo(request(17))

  const held = { level: 'error', uris: new Set(['a://2', ...range(7, 17).map(n => `a://${n}`)]) }
  expect(server.sessions.get('session-2')).toEqual(held)
  const begin = server.posts.findLastIndex(it => it.message.method === 'notifications/initialized')
  expect(server.posts.at(-1)?.message.id).toBe(17)
  expect(server.posts.slice(begin + 1)).toHaveLength(13)

  server.forget()
  await responseTo(request(18))
  expect(server.sessions.get('session-3')).toEqual(held)
})

test('a subscription that the new session refuses is reported, and the rest continues', async () => {
  let isGone = false
  const { server, responseTo, errors } = await connected({
    refuse: ({ params }) => isGone && params?.['uri'] === 'a://1',
  })
  await responseTo(request(1, 'resources/subscribe', { uri: 'a://1' }))
  await responseTo(request(2, 'resources/subscribe', { uri: 'a://2' }))
  isGone = true
  server.forget()
  expect(await responseTo(request(3))).toEqual(done(3))
  expect(errors).toMatchObject([{ code: 'request_refused' }])
  expect(errors[0]?.message).toContain('refused resources/subscribe a://1 in it: no')
  server.forget()
  expect(await responseTo(request(4))).toEqual(done(4))
  expect(errors).toHaveLength(1)
})

test('the client is notified of everything that may have changed between the sessions', async () => {
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: {},
  }
  const { server, responseTo, messages } = await connected({ capabilities })
  await responseTo(request(1, 'resources/subscribe', { uri: 'a://1' }))
  server.forget()
  await responseTo(request(2))
  expect(messages.slice(1)).toEqual([
    { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
    { jsonrpc: '2.0', method: 'notifications/prompts/list_changed' },
    { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'a://1' } },
    done(2),
  ])
})

test('the stream of the server’s own messages moves to the new session', async () => {
  const { server, responseTo, messages } = await connected({ listen: true })
  await vi.waitUntil(() => server.streams.get('session-1'))
  server.forget()
  await responseTo(request(1))
  await vi.waitUntil(() => server.streams.get('session-2'))
  await vi.waitUntil(() => server.streams.get('session-1')?.destroyed)
  server.streams.get('session-2')?.write('data: {"jsonrpc":"2.0","method":"x"}\n\n')
  await vi.waitUntil(() => messages.some(it => it.method === 'x'))
  expect(server.gets).toEqual(['session-1', 'session-2'])
})

test('when that stream finds the session forgotten, it begins another', async () => {
  const { server, transport, log } = await connected({ listen: true })
  await vi.waitUntil(() => server.streams.get('session-1'))
  server.forget()
  server.streams.get('session-1')?.end()
  await vi.waitUntil(() => server.streams.get('session-2'))
  expect(transport.sessionId).toBe('session-2')
  expect(log).toEqual([])
})

test('when it can begin no other, that is reported, and the next message tries again', async () => {
  let isDown = true
  const { server, responseTo, log, errors } = await connected({
    listen: true,
    overrule({ method }, response, isFirst) {
      const isRefused = isDown && method === 'initialize' && !isFirst
      if (isRefused) response.writeHead(503).end()
      return isRefused
    },
  })
  await vi.waitUntil(() => server.streams.get('session-1'))
  server.forget()
  server.streams.get('session-1')?.end()
  await vi.waitUntil(() => errors.length > 0)
  expect(errors).toMatchObject([{ code: 'server_error' }])
  isDown = false
  expect(await responseTo(request(1))).toEqual(done(1))
  // It was known that the session is forgotten.
  expect(server.posts.filter(it => it.message.id === 1)).toHaveLength(1)
  await vi.waitUntil(() => server.streams.get('session-2'))
  expect(log).toEqual(['error', 'response 1'])
})

test.each<
  [string, (response: ServerResponse, id: Message['id']) => unknown, object, TransportOptions?]
>([
  ['500', r => r.writeHead(500).end(), { code: 'server_error', status: 500, retryable: true }],
  ['a reset', r => r.destroy(), { code: 'connection_failed', retryable: true }],
  ['403', r => r.writeHead(403).end(), { code: 'access_denied', retryable: false }],
  ['404', r => r.writeHead(404).end(), { code: 'request_refused', status: 404 }],
  ['silence', () => {}, { code: 'timeout', retryable: true }, { sendTimeoutMs: 2_000 }],
  [
    'a JSON-RPC error',
    (r, id) => json(r, { jsonrpc: '2.0', id, error: { code: 1, message: 'not now' } }),
    { code: 'invalid_response', message: expect.stringContaining('not now') },
  ],
])(
  'a message that waits for a new session rejects when that fails with %s; the next one tries again',
  async (_, refuse, expected, options = {}) => {
    let isDown = true
    const { server, transport, responseTo, log } = await connected(
      {
        overrule({ id, method }, response, isFirst) {
          const isRefused = isDown && method === 'initialize' && !isFirst
          if (isRefused) refuse(response, id)
          return isRefused
        },
      },
      options,
    )
    server.forget()
    const refused = await Promise.allSettled([1, 2].map(id => transport.send(request(id))))
    for (const each of refused) expect(each).toMatchObject({ reason: expected })
    expect(server.initializations()).toBe(2)
    expect(transport.sessionId).toBe('session-1')
    expect(log).toEqual([])
    isDown = false
    expect(await responseTo(request(3))).toEqual(done(3))
    expect(server.initializations()).toBe(3)
  },
)

test('when the new session is forgotten at once, the transport ends', async () => {
  const { server, transport, log, errors } = await connected({
    before({ id }, session) {
      if (id === 1 && session === 'session-2') server.forget()
    },
  })
  server.forget()
  await expect(transport.send(request(1))).rejects.toMatchObject({
    code: 'session_not_found',
    status: 404,
  })
  await vi.waitUntil(() => log.includes('close'))
  expect(log).toEqual(['error', 'close'])
  expect(errors).toMatchObject([{ code: 'session_not_found' }])
  expect(server.initializations()).toBe(2)
})

test.each([
  ['2025-03-26', '2025-03-26'],
  [{ toString: 1 }, 'none'],
])('when the new session has protocol version %j, the transport ends', async (version, shown) => {
  const { server, transport, log } = await connected()
  server.forget()
  server.version = version
  await expect(transport.send(request(1))).rejects.toMatchObject({
    code: 'session_not_found',
    message: expect.stringContaining(`has protocol version ${shown} instead of 2025-11-25`),
  })
  await vi.waitUntil(() => log.includes('close'))
  expect(log).toEqual(['error', 'close'])
  expect(server.ran).toEqual([])
})

test('a response for the old session, and messages about its requests, are not sent to the new one', async () => {
  const { server, transport, responseTo, errors } = await connected({ listen: true })
  await vi.waitUntil(() => server.streams.get('session-1'))
  const ask = (session: string, id: number) =>
    server.streams
      .get(session)
      ?.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, method: 'elicitation/create' })}\n\n`)
  const before = server.posts.length
  server.forget()
  // The server says so itself here,
  await Promise.all([
    transport.send({ jsonrpc: '2.0', id: 0, result: {} }),
    transport.send(cancelled(99)),
  ])
  expect(errors).toMatchObject([{ code: 'session_not_found' }, { code: 'session_not_found' }])
  expect(errors.map(it => it.message).sort()[0]).toContain('a response belongs to a session')
  expect(server.posts.slice(before)).toHaveLength(2)
  expect(server.initializations()).toBe(1)

  // and here it is known: the server of the new session may have given its question the same id.
  await vi.waitUntil(() => ask('session-1', 7))
  await vi.waitUntil(() => server.heard.includes(7))
  await responseTo(request(1))
  await transport.send({ jsonrpc: '2.0', id: 7, result: {} })
  expect(errors).toHaveLength(3)
  await vi.waitUntil(() => server.streams.get('session-2'))
  ask('session-2', 7)
  await vi.waitUntil(() => server.heard.filter(it => it === 7).length === 2)
  await transport.send({ jsonrpc: '2.0', id: 7, result: { mine: true } })
  expect(errors).toHaveLength(3)
  expect(server.posts.filter(it => it.message.id === 7)).toMatchObject([
    { session: 'session-2', message: { result: { mine: true } } },
  ])
})

test('requests of the old session keep their streams, and fail when these break', async () => {
  const open: ServerResponse[] = []
  const { server, transport, responseTo, messages } = await connected({
    overrule({ method }, response) {
      if (method !== 'wait') return false
      events(response).write('retry: 0\nid: 5\ndata:\n\n')
      open.push(response)
      return true
    },
  })
  for (const id of [1, 2, 3]) await transport.send(request(id, 'wait'))
  await vi.waitUntil(() => open.length === 3)
  server.forget()
  // Its place cannot be taken up, whether or not it is known yet that the session is forgotten.
  open[0]?.end()
  await vi.waitUntil(() => messages.length === 1)
  expect(messages[0]).toMatchObject({
    id: 1,
    error: { data: { reason: 'outcome-unknown', lost: 'stream' } },
  })
  expect(server.gets).toEqual(['session-1', 'session-1 5'])

  expect(await responseTo(request(4))).toEqual(done(4))
  open[1]?.end(`data: ${JSON.stringify(done(2))}\n\n`)
  open[2]?.end()
  await vi.waitUntil(() => messages.length === 4)
  expect(messages[2]).toEqual(done(2))
  expect(messages[3]).toMatchObject({
    id: 3,
    error: { data: { reason: 'outcome-unknown', lost: 'stream' } },
  })
  expect(server.gets).toEqual(['session-1', 'session-1 5', 'session-2'])

  await transport.send(request(5, 'wait'))
  server.forget()
  await responseTo(request(6))
  const posts = server.posts.length
  await transport.send(cancelled(5))
  expect(server.posts).toHaveLength(posts)
})

test('a request that is cancelled while it waits for the new session is not sent in it', async () => {
  const go = deferred()
  const { server, transport, responseTo } = await connected({
    before: ({ method }, _, isFirst) =>
      method === 'initialize' && !isFirst ? go.promise : undefined,
  })
  server.forget()
  const sending = transport.send(request(1))
  await vi.waitUntil(() => server.initializations() === 2)
  const cancelling = transport.send(cancelled(1))
  await expect(sending).rejects.toMatchObject({ message: 'The request was cancelled' })
  go.resolve()
  await cancelling
  await responseTo(request(2))
  expect(server.ran).toEqual([2])
})

test('a transport that is closed during the renewal begins no session, and calls no handler', async () => {
  const { server, transport, log } = await connected({
    before: ({ method }, _, isFirst) =>
      method === 'initialize' && !isFirst ? new Promise(() => {}) : undefined,
  })
  server.forget()
  const sending = transport.send(request(1))
  await vi.waitUntil(() => server.initializations() === 2)
  await transport.close()
  await expect(sending).rejects.toMatchObject({ code: 'connection_closed' })
  expect(log).toEqual(['close'])
})

test.each([
  ['and was not known to be forgotten', 1],
  ['and could not be begun again before', 2],
])('a session that the client ends, %s, is not renewed', async (_, introductions) => {
  const removed = deferred()
  const { server, transport } = await connected({
    remove: () => removed.promise,
    overrule({ method }, response, isFirst) {
      if (method === 'initialize' && !isFirst) response.writeHead(503).end()
      return method === 'initialize' && !isFirst
    },
  })
  server.forget()
  if (introductions === 2)
    await expect(transport.send(request(0))).rejects.toMatchObject({ code: 'server_error' })
  const ending = transport.terminateSession()
  await vi.waitUntil(() => server.removed.length === 1)
  await expect(transport.send(request(1))).rejects.toMatchObject({ code: 'session_not_found' })
  removed.resolve()
  await ending.catch(() => {}) // the lost session may have ended the transport before
  expect(server.posts.filter(it => it.message.id === 1)).toHaveLength(1)
  expect(server.initializations()).toBe(introductions)
})

test('a session that is being renewed is ended as well', async () => {
  const go = deferred()
  const { server, transport } = await connected({
    before: ({ method }, _, isFirst) =>
      method === 'initialize' && !isFirst ? go.promise : undefined,
  })
  server.forget()
  const sending = transport.send(request(1))
  await vi.waitUntil(() => server.initializations() === 2)
  const ending = transport.terminateSession()
  go.resolve()
  await Promise.all([sending.catch(() => {}), ending])
  expect(server.removed).toEqual(['session-2'])
  expect(transport.sessionId).toBeUndefined()
})

test('notifications/initialized is not sent before the client has sent it', async () => {
  const { server, transport, connect } = await scripted()
  await connect(false)
  server.forget()
  await transport.send(initialized)
  expect(server.posts.map(it => [it.session, it.message.method])).toEqual([
    [undefined, 'initialize'],
    ['session-1', 'notifications/initialized'],
    [undefined, 'initialize'],
    ['session-2', 'notifications/initialized'],
  ])
})

const request = (id: number, method = 'tools/call', params: object = {}) =>
  ({ jsonrpc: '2.0', id, method, params }) as const
const done = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} })
const initialized: JsonRpcMessage = { jsonrpc: '2.0', method: 'notifications/initialized' }
const cancelled = (requestId: number): JsonRpcMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})
function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
const events = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  return response
}
const json = (response: ServerResponse, value: unknown) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

interface Script {
  /** Responds on streams, each with a notification that belongs to no request. */
  streamed?: boolean
  /** Has a stream for its own messages. */
  listen?: boolean
  capabilities?: object
  /** Before it looks at the session; `isFirst` until there is one. */
  before?(message: Message, session: string | undefined, isFirst: boolean): unknown
  /** Returns true when it has sent the response itself. */
  overrule?(message: Message, response: ServerResponse, isFirst: boolean): boolean
  refuse?(message: { method?: string; params?: { uri?: string } }): boolean
  remove?(): Promise<void>
}

/** A server with sessions, as far as a client can tell, that forgets them when it is told to. */
async function scripted(script: Script = {}, options: TransportOptions = {}) {
  type Held = { level?: string; uris: Set<string> }
  const sessions = new Map<string, Held>()
  const posts: { session?: string; version?: string; message: Message }[] = []
  const gets: string[] = []
  const removed: string[] = []
  const streams = new Map<string, ServerResponse>()
  const ran: unknown[] = []
  const heard: unknown[] = []
  const server = {
    sessions,
    posts,
    gets,
    removed,
    streams,
    ran,
    heard,
    version: VERSION as unknown,
    forget: () => sessions.clear(),
    initializations: () => posts.filter(it => it.message.method === 'initialize').length,
  }
  let begun = 0

  const { url } = await serve(async (received, response) => {
    if (refusalOf(received, KEY)) return response.writeHead(403).end()
    const session = received.headers['mcp-session-id'] as string | undefined
    const version = received.headers['mcp-protocol-version'] as string | undefined
    if (received.method === 'DELETE') {
      removed.push(session ?? '')
      await script.remove?.()
      return response.writeHead(sessions.delete(session ?? '') ? 200 : 404).end()
    }
    if (received.method === 'GET') {
      gets.push(`${session} ${received.headers['last-event-id'] ?? ''}`.trim())
      if (!sessions.has(session ?? '')) return response.writeHead(404).end()
      if (!script.listen) return response.writeHead(405).end()
      streams.set(session ?? '', response)
      return events(response).write('retry: 0\n\n')
    }
    const message: Message = JSON.parse(received.body.toString())
    posts.push({ ...(session && { session }), ...(version && { version }), message })
    await script.before?.(message, session, begun === 0)
    if (message.method !== 'initialize' && !sessions.has(session ?? ''))
      return response.writeHead(404).end()
    if (script.overrule?.(message, response, begun === 0)) return
    return handle(message, session, response)
  })

  const transport = new SigV4StreamableHttpTransport(url, {
    credentials: KEY,
    region: REGION,
    ...options,
  })
  onTestFinished(() => transport.close())
  const log: string[] = []
  const messages: JsonRpcMessage[] = []
  const errors: Error[] = []
  transport.onmessage = message => {
    messages.push(message)
    log.push(message.method ?? `response ${JSON.stringify(message.id)}`)
    if (message.method && message.id !== undefined) heard.push(message.id)
  }
  transport.onerror = error => {
    log.push('error')
    errors.push(error)
  }
  transport.onclose = () => log.push('close')
  await transport.start()
  return { server, transport, log, messages, errors, responseTo, connect }

  function handle({ id, method, params = {} }: Message, session = '', response: ServerResponse) {
    if (id === undefined || method === undefined) return response.writeHead(202).end()
    const { uri = '', level } = params as { uri?: string; level?: string }
    if (method === 'initialize') {
      const name = `session-${++begun}`
      sessions.set(name, { uris: new Set() })
      response.setHeader('mcp-session-id', name)
      const { version: protocolVersion } = server
      return reply({ result: { protocolVersion, capabilities: script.capabilities ?? {} } })
    }
    if (script.refuse?.({ method, params: { uri } }))
      return reply({ error: { code: -32002, message: 'no' } })
    const held = sessions.get(session)
    if (method === 'resources/subscribe') held?.uris.add(uri)
    else if (method === 'resources/unsubscribe') held?.uris.delete(uri)
    else if (method === 'logging/setLevel' && held && level) held.level = level
    else ran.push(id)
    return reply({ result: {} })

    function reply(outcome: object) {
      const text = JSON.stringify({ jsonrpc: '2.0', id, ...outcome })
      if (!script.streamed) return json(response, JSON.parse(text))
      const along = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/along' })
      // The stream stays open: what it was for has come.
      if (begun > 1 && id !== 2) events(response).write(`data: ${along}\n\ndata: ${text}\n\n`)
      else events(response).end(`data: ${text}\n\n`)
    }
  }

  /** Sends the request, and resolves with its response. */
  async function responseTo(message: JsonRpcMessage) {
    await transport.send(message)
    const isResponse = (it: JsonRpcMessage) => it.method === undefined && it.id === message.id
    return vi.waitUntil(() => messages.find(isResponse))
  }

  async function connect(isReady = true) {
    await responseTo(request(1000, 'initialize', { ...CLIENT, protocolVersion: VERSION }))
    transport.setProtocolVersion(VERSION)
    if (isReady) await transport.send(initialized)
    if (isReady) await vi.waitUntil(() => gets.length === 1)
    messages.length = 0
    log.length = 0
  }
}

async function connected(script: Script = {}, options: TransportOptions = {}) {
  const all = await scripted(script, options)
  await all.connect()
  return all
}
