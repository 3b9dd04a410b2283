import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import {
  type JsonRpcMessage,
  SigV4SseTransport,
  SigV4StreamableHttpTransport,
} from '../src/index.ts'
import { event } from './support/server.ts'
import { KEY, REGION } from './support/verifier.ts'

// A server says inside JSON-RPC that a call is over a limit. The tests of the transports have a 429.

const WAYS = ['/mcp as JSON', '/mcp on a stream', '/mcp with a status', '/sse', '/sse resumable']
type Answer = Partial<JsonRpcMessage> | Response | undefined

const call = (id: number, text = '') =>
  ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'x', text } }) as const
const cancel = (requestId: number) =>
  ({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }) as const
const over = (retryAfter: unknown = 1, retrySafe: unknown = true, reason = 'rate_limited') => ({
  error: { code: -32_000, message: 'Too many calls', data: { reason, retryAfter, retrySafe } },
})
const response = (id: number, answer: object) => ({ jsonrpc: '2.0', id, ...answer })

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
  })
  return () => vi.useRealTimers()
})

/** A transport to a server that answers the requests in turn. The last answer counts for more. */
async function started(way: string, answers: Answer[]) {
  const posted: (JsonRpcMessage & { path: string; sentAt: number })[] = []
  const log: unknown[] = []
  const pauses: { error: Error; pauseMs: number }[] = []
  let streams = 0
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined
  const isSse = way.startsWith('/sse')
  const write = (text: string) => stream?.enqueue(new TextEncoder().encode(text))
  const transport = new (isSse ? SigV4SseTransport : SigV4StreamableHttpTransport)('http://[::1]', {
    credentials: KEY,
    region: REGION,
    heartbeatTimeoutMs: 3_600_000,
    onPause: (error, pauseMs) => void pauses.push({ error, pauseMs }),
    async fetch(url, { method, body } = {}) {
      if (method !== 'POST') return isSse && method === 'GET' ? open() : statusOf(405)
      const { pathname, search } = new URL(String(url))
      const message = JSON.parse(Buffer.from(body as Uint8Array).toString())
      posted.push({ ...message, path: pathname + search, sentAt: Date.now() })
      if (message.id === undefined) return statusOf(202)
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      if (answer instanceof Response) return answer
      const text = answer && JSON.stringify(response(message.id, answer))
      if (!isSse) return text ? inside(text) : new Promise<Response>(() => {})
      if (text) write(event(JSON.parse(text)))
      return statusOf(202)
    },
  })
  transport.onmessage = message => void log.push(message)
  transport.onerror = error => void log.push(error)
  transport.onclose = () => void log.push('closed')
  await transport.start()
  onTestFinished(() => transport.close())
  return {
    transport,
    posted,
    log,
    pauses,
    write,
    streams: () => streams,
    end: () => stream?.close(),
  }

  function open() {
    streams += 1
    const id = way === '/sse' ? `s-${streams}` : 'r-1'
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stream = controller
        write(`event: endpoint\ndata: /message?sessionId=${id}\n\n`)
      },
    })
    const resumes = way !== '/sse' && { 'mcp-resume': '1' }
    return new Response(body, { headers: { 'content-type': 'text/event-stream', ...resumes } })
  }

  function inside(text: string) {
    if (way === '/mcp on a stream')
      return new Response(event(JSON.parse(text)), {
        headers: { 'content-type': 'text/event-stream' },
      })
    const hasStatus = way === '/mcp with a status' && text.includes('"error"')
    const headers = { 'content-type': 'application/json' }
    return new Response(text, { status: hasStatus ? 400 : 200, headers })
  }
}

const statusOf = (status: number, headers = {}) => new Response(null, { status, headers })
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000)
/** Lets the time pass until the condition holds. */
const until = (condition: () => boolean) =>
  vi.waitUntil(
    async () => {
      if (condition()) return true
      await seconds(0.1)
      return false
    },
    { interval: 1, timeout: 20_000 },
  )

test.each(WAYS)('a call over a limit waits on %s, and has only the later response', async way => {
  const answers = [over(20), over(0.5), { result: {} }]
  const { transport, posted, log, pauses } = await started(way, answers)
  await transport.send(call(1))
  await until(() => log.length > 0)
  expect(log).toEqual([response(1, { result: {} })])

  const [first, second, third] = posted
  expect(posted.map(it => it.params)).toEqual(Array(3).fill(call(1).params))
  expect(new Set(posted.map(it => it.id)).size).toBe(3)
  const waited = (second?.sentAt ?? 0) - (first?.sentAt ?? 0)
  expect(waited).toBeGreaterThanOrEqual(20_000)
  expect(waited).toBeLessThan(23_000)
  expect((third?.sentAt ?? 0) - (second?.sentAt ?? 0)).toBeGreaterThanOrEqual(500)
  expect(pauses).toHaveLength(2)
  expect(pauses[0]?.error).toMatchObject({ code: 'rate_limited', retryAfterMs: 20_000 })
  expect(pauses[0]?.error.message).toMatch(
    /^http:\/\/.*\/(mcp|sse) answered -32000: Too many calls$/,
  )
  expect(pauses[0]?.pauseMs).toBeGreaterThanOrEqual(20_000)
})

test.each([
  ['does not say when to send again', over(null)],
  ['does not say that nothing ran', over(1, null)],
  ['says that it may have run', over(1, false)],
  ['says that the stream is busy', over(null, true, 'busy')],
  ['wants a longer pause than there is', over(301)],
])('an error that %s is passed on as it is', async (_, error) => {
  const { transport, posted, log } = await started('/sse', [error])
  await transport.send(call(1))
  await until(() => log.length > 0)
  await seconds(400)
  expect(log).toEqual([response(1, error)])
  expect(posted).toHaveLength(1)
})

test('calls wait for five minutes in all, and the last error is passed on as it is', async () => {
  const { transport, posted, log } = await started('/sse', [over(99)])
  await transport.send(call(1))
  await seconds(310)
  expect(log).toEqual([response(1, over(99))])
  expect(posted).toHaveLength(4)
})

describe('a call that waits', () => {
  test.each(WAYS)('is not sent when it is cancelled: %s', async way => {
    const { transport, posted, log, pauses } = await started(way, [over()])
    await transport.send(call(1))
    await until(() => pauses.length > 0)
    await transport.send(cancel(1))
    await seconds(400)
    expect(log).toEqual([])
    expect(posted).toHaveLength(1)
  })

  test('is not sent when its signal aborts', async () => {
    const { transport, posted, log } = await started('/mcp as JSON', [over()])
    const requestSignal = new AbortController()
    await (transport as SigV4StreamableHttpTransport).send(call(1), {
      requestSignal: requestSignal.signal,
    })
    requestSignal.abort()
    await seconds(400)
    expect(log).toEqual([])
    expect(posted).toHaveLength(1)
  })

  test.each(WAYS)('gets its error when the transport ends: %s', async way => {
    const { transport, posted, log, pauses } = await started(way, [over()])
    await transport.send(call(1))
    await until(() => pauses.length > 0)
    await transport.close()
    await seconds(400)
    expect(log).toEqual([response(1, over()), 'closed'])
    expect(posted).toHaveLength(1)
  })

  test('is sent in the session that replaces its own', async () => {
    const answers = [over(10), { result: {} }]
    const { transport, posted, log, pauses, end } = await started('/sse', answers)
    await transport.send(call(1))
    await until(() => pauses.length > 0)
    end()
    await until(() => log.length > 0)
    expect(log).toEqual([response(1, { result: {} })])
    expect(posted.map(it => it.path)).toEqual(['s-1', 's-2'].map(it => `/message?sessionId=${it}`))
  })

  test('is sent once, also where the next stream has the error again', async () => {
    const answers = [over(10), { result: {} }]
    const { transport, posted, log, pauses, write, streams, end } = await started(
      '/sse resumable',
      answers,
    )
    await transport.send(call(1))
    await until(() => pauses.length > 0)
    end()
    await until(() => streams() === 2)
    write(event(response(1, over(10))))
    await seconds(60)
    expect(log).toEqual([response(1, { result: {} })])
    expect(posted).toHaveLength(2)
  })

  test('gets its error where too much waits', async () => {
    const { transport, log } = await started('/mcp as JSON', [over()])
    for (let id = 1; id <= 33; id++) await transport.send(call(id, 'x'.repeat(1024 * 1024)))
    expect(log).toEqual([32, 33].map(id => response(id, over())))
    await transport.send(call(34))
    expect(log).toHaveLength(2)
    await transport.send(cancel(34))
  })
})

describe('a call that is sent again', () => {
  test.each(WAYS)('is cancelled by the id that it has then: %s', async way => {
    const { transport, posted, log } = await started(way, [over(), undefined])
    await transport.send(call(1))
    await until(() => posted.length === 2)
    await transport.send(cancel(1))
    expect(posted[2]?.params).toEqual({ requestId: posted[1]?.id })
    await seconds(60)
    expect(log).toEqual([])
  })

  test('has its error where it was refused, and an unknown outcome where it may have run', async () => {
    const refused = [statusOf(429, { 'retry-after': '60' }), statusOf(500)]
    for (const refusal of refused) {
      const { transport, log } = await started('/sse', [over(), refusal])
      await transport.send(call(1))
      await until(() => log.length > 0)
      const unknown = { reason: 'outcome-unknown', lost: 'stream', retrySafe: false }
      const expected = refusal.status === 429 ? over() : { error: { data: unknown } }
      expect(log).toMatchObject([response(1, expected)])
    }
  })

  test('has an unknown outcome where its session is lost', async () => {
    const { transport, posted, log, end } = await started('/sse', [over(), undefined])
    await transport.send(call(1))
    await until(() => posted.length === 2)
    end()
    await until(() => log.length > 0)
    const data = { reason: 'outcome-unknown', lost: 'session', retrySafe: false }
    expect(log).toMatchObject([response(1, { error: { data } })])
  })
})
