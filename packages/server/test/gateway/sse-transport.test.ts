import { setImmediate } from 'node:timers/promises'

import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/server'
import { afterEach, expect, test, vi } from 'vitest'

import { createOutbox } from '../../src/gateway/sse/outbox.ts'
import { createSseTransport, type SseTransportOptions } from '../../src/gateway/sse/transport.ts'
import { createEventStream } from '../../src/gateway/wire/event-stream.ts'
import { type Message, messages, toWeb } from '../support/event-stream.ts'

interface Options {
  maxCallsInFlight?: number
  reads?: boolean
  /** Of a client that sent `initialize` in an earlier session. */
  protocolVersion?: string
  /** Answers ordinary requests. By default the server gets all of them. */
  prepare?: SseTransportOptions['prepare']
  isResumable?: boolean
}

const resumed = {
  initialize: undefined,
  logLevel: undefined,
  keepInitialize: async () => {},
  keepLogLevel: async () => {},
}

/** A transport whose server is the test, with a reader that reads all, or nothing. */
function open(options: Options = {}) {
  const { maxCallsInFlight = 32, reads = true, protocolVersion } = options
  const events = createEventStream()
  const outbox = createOutbox('s', events)
  const transport = createSseTransport({
    sessionId: 's',
    outbox,
    maxCallsInFlight,
    prepare: options.prepare ?? (async () => undefined),
    context: { isStateless: false } as SseTransportOptions['context'],
    connect: async () => {},
    protocolVersion,
    ...(options.isResumable && { resumed }),
  })
  const received: JSONRPCMessage[] = []
  transport.onmessage = message => void received.push(message)
  const sent: Message[] = []
  if (reads) void messages(toWeb(events.response), message => sent.push(message))
  closers.push(() => events.abort(new Error('the test is over')))
  /** Resolves when the message is handled as far as it can be. */
  const receive = async (message: object, size = 100) => {
    transport.receive({ jsonrpc: '2.0', ...message } as JSONRPCMessage, ' '.repeat(size))
    await setImmediate()
  }
  const call = (id: string | number, size?: number) =>
    receive({ id, method: 'tools/call', params: {} }, size)
  const requests = () => received.filter((it): it is JSONRPCRequest => 'id' in it && 'method' in it)
  /** Responds to the requests of the server's view in this order. */
  const respond = (n: number, result = {}) =>
    transport.send({ jsonrpc: '2.0', id: requests()[n]?.id ?? '', result })
  return { events, outbox, transport, received, sent, receive, call, requests, respond }
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

test('the server never sees an id of the client', async () => {
  const { receive, requests, respond, sent } = open({ protocolVersion: '2025-11-25' })
  const ids = [
    0,
    1,
    'mcp-lambda-sam:assumed-initialize',
    'restore:initialize',
    2 ** 53 - 1,
    '1',
    '',
  ]
  for (const id of ids) await receive({ id, method: 'ping' })
  for (let n = 0; n <= ids.length; n++) await respond(n)
  await vi.waitUntil(() => sent.length === ids.length)
  // The response to `initialize`, which no client sent, is not sent either.
  expect(sent.map(it => it.id)).toEqual(ids)
  expect(new Set(requests().map(it => it.id)).size).toBe(ids.length + 1)
})

test('the second of two requests in flight with one id is refused, the first is answered', async () => {
  const { call, respond, sent, requests } = open()
  await call('a')
  await call('a')
  await vi.waitUntil(() => sent.length === 1)
  expect(sent[0]).toMatchObject({ id: 'a', error: { code: -32_600 } })
  await respond(0, { first: true })
  await vi.waitUntil(() => sent.length === 2)
  expect(sent[1]).toMatchObject({ id: 'a', result: { first: true } })
  // The id may be used again.
  await call('a')
  await respond(1, { again: true })
  await vi.waitUntil(() => sent.length === 3)
  expect(sent[2]).toMatchObject({ id: 'a', result: { again: true } })
  expect(requests()).toHaveLength(2)
})

test('in a resumable session a repeated request runs once, and its id is for no other', async () => {
  const { call, respond, sent, requests } = open({ isResumable: true })
  await call('a', 100)
  await respond(0)
  await call('a', 100)
  await call('a', 101)
  await vi.waitUntil(() => sent.length === 2)
  expect(sent).toMatchObject([
    { id: 'a', result: {} },
    { id: 'a', error: { code: -32_600, message: expect.stringContaining('an earlier request') } },
  ])
  expect(requests()).toHaveLength(1)
})

test('a cancel concerns the request that is in flight, and no later one with its id', async () => {
  const { call, receive, received, respond, sent } = open()
  const cancel = () =>
    receive({ method: 'notifications/cancelled', params: { requestId: 'a', reason: 'r' } })
  await call('a')
  await respond(0)
  await cancel()
  expect(received).toHaveLength(1)
  await call('a')
  await cancel()
  const params = { requestId: (received[1] as JSONRPCRequest).id, reason: 'r' }
  expect(received[2]).toMatchObject({ method: 'notifications/cancelled', params })
  await call('a')
  await respond(1, { cancelled: true })
  await respond(2, { third: true })
  await vi.waitUntil(() => sent.length === 2)
  expect(sent[1]).toMatchObject({ id: 'a', result: { third: true } })
})

test('runs so many calls at once, lets others wait in order, and refuses the rest', async () => {
  const { call, receive, requests, respond, sent } = open({ maxCallsInFlight: 2 })
  for (let id = 1; id <= 260; id++) await call(id)
  expect(requests()).toHaveLength(2)
  await vi.waitUntil(() => sent.length === 2)
  expect(sent.map(it => it.id)).toEqual([259, 260])
  expect(sent[0]?.error).toMatchObject({
    code: -32_000,
    data: { reason: 'busy', retrySafe: true },
  })
  // Other requests do not wait.
  await receive({ id: 'ping', method: 'ping' })
  await respond(2)
  await receive({ method: 'notifications/cancelled', params: { requestId: 4 } })
  for (let n = 0; n < 258; n++) await respond(n)
  await vi.waitUntil(() => sent.length === 260)
  const responses = sent.filter(it => it.result).map(it => it.id)
  const expected = Array.from({ length: 258 }, (_, n) => n + 1).filter(it => it !== 4)
  expect(responses).toEqual(['ping', ...expected])
})

test('bounds the bytes of the calls that wait, but takes any single call', async () => {
  const { call, requests, sent } = open({ maxCallsInFlight: 1 })
  await call('huge', 100_000_000)
  await call('small', 10)
  await vi.waitUntil(() => sent.length === 1)
  expect(sent[0]).toMatchObject({ id: 'small', error: { data: { reason: 'busy' } } })
  expect(requests()).toHaveLength(1)
})

test('runs fewer calls at once where the last results were large', async () => {
  const { call, requests, respond, sent } = open()
  await call('large')
  await respond(0, { text: 'x'.repeat(2_500_000) })
  await vi.waitUntil(() => sent.length === 1)
  for (const id of ['a', 'b', 'c']) await call(id)
  // Three results of that size have no room.
  expect(requests()).toHaveLength(3)
  await respond(1)
  await vi.waitUntil(() => requests().length === 4)
})

test('takes no more messages while the reader is behind', async () => {
  const { receive, respond, transport, events, outbox } = open({ reads: false })
  for (let id = 0; id < 20; id++) {
    await receive({ id, method: 'ping' })
    void respond(id)
  }
  let isDrained = false
  const drained = outbox.drained().then(() => {
    isDrained = true
  })
  await vi.waitFor(() => expect(transport.isBusy()).toBe(false))
  expect(isDrained).toBe(false)
  void messages(toWeb(events.response), () => {})
  await drained
})

test('a stream that ends fails the running calls, and starts none of the waiting ones', async () => {
  const { call, requests, respond, sent, transport } = open({ maxCallsInFlight: 1 })
  await call('running')
  await call('waiting')
  await transport.failOpen()
  await respond(0)
  await transport.allSettled()
  expect(sent).toMatchObject([
    { id: 'running', error: { data: { reason: 'outcome-unknown', retrySafe: false } } },
    { id: 'waiting', error: { data: { reason: 'busy', retrySafe: true } } },
  ])
  expect(requests()).toHaveLength(1)
})

test('a request that makes the server throw gets an error, and the stream goes on', async () => {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { receive, respond, sent, transport, received } = open()
  const { onmessage } = transport
  transport.onmessage = () => {
    throw new TypeError('not iterable')
  }
  await receive({ id: 'odd', method: 'tools/list' })
  await vi.waitUntil(() => sent.length === 1)
  expect(sent[0]).toMatchObject({ id: 'odd', error: { code: -32_603 } })
  expect(error).toHaveBeenCalledOnce()
  if (onmessage) transport.onmessage = onmessage
  await receive({ id: 'next', method: 'ping' })
  expect(received).toHaveLength(1)
  await respond(0)
  await vi.waitUntil(() => sent.length === 2)
})

const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'n', version: '1' },
}

/** Answers every ordinary request with its method. */
const prepare: SseTransportOptions['prepare'] = async request => async () => ({
  result: JSON.stringify({ method: request.method }),
})

test('ordinary requests are answered without a server, which hears of initialize later', async () => {
  const { receive, received, sent, respond } = open({ prepare })
  await receive({ id: 0, method: 'initialize', params: INITIALIZE })
  await receive({ method: 'notifications/initialized' })
  await receive({ id: 'a', method: 'tools/list' })
  await vi.waitUntil(() => sent.length === 2)
  expect(sent.map(it => [it.id, it.result])).toEqual([
    [0, { method: 'initialize' }],
    ['a', { method: 'tools/list' }],
  ])
  expect(received).toEqual([])
  await receive({ id: 'b', method: 'logging/setLevel', params: { level: 'info' } })
  expect(received).toMatchObject([
    { method: 'initialize', params: INITIALIZE },
    { method: 'notifications/initialized' },
    { method: 'logging/setLevel' },
  ])
  // Its response to that `initialize` is not sent.
  await respond(0)
  await respond(1, { level: 'set' })
  await vi.waitUntil(() => sent.length === 3)
  expect(sent[2]).toMatchObject({ id: 'b', result: { level: 'set' } })
})

test('a server that answers initialize answers everything', async () => {
  const { receive, requests } = open({ prepare })
  await receive({ id: 0, method: 'initialize', params: { ...INITIALIZE, more: true } })
  await receive({ id: 1, method: 'tools/list' })
  expect(requests().map(it => it.method)).toEqual(['initialize', 'tools/list'])
})

test('a cancelled request is aborted, and gets no response', async () => {
  const signals: (AbortSignal | undefined)[] = []
  const { receive, sent, transport } = open({
    prepare: async (_, { signal }) => {
      signals.push(signal)
      return () => new Promise(() => {})
    },
  })
  await receive({ id: 'a', method: 'tools/call', params: { name: 'slow' } })
  await receive({ method: 'notifications/cancelled', params: { requestId: 'a' } })
  expect(signals.map(it => it?.aborted)).toEqual([true])
  await transport.allSettled()
  expect(sent).toEqual([])
})

test('a ping is answered by a result or an error, and is missed without one', async () => {
  const { receive, sent, transport, received } = open({ prepare })
  for (const answer of [{ result: {} }, { error: { code: -32_601, message: 'no' } }]) {
    const before = sent.length
    const answered = transport.ping(60_000)
    await vi.waitUntil(() => sent.length > before)
    await receive({ id: sent.at(-1)?.id, ...answer })
    await answered
  }
  await expect(transport.ping(1)).rejects.toThrow('has not answered')
  expect(received).toEqual([])
})
