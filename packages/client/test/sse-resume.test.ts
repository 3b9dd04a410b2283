import type { ServerResponse } from 'node:http'

import { describe, expect, onTestFinished, test, vi } from 'vitest'

import { type JsonRpcMessage, SigV4SseTransport, type TransportOptions } from '../src/index.ts'
import { event, type GatewayQuirks, overLimit, startGateway } from './support/server.ts'
import { KEY, REGION } from './support/verifier.ts'

const ENDPOINT = 'id: r-1.1-0\nretry: 100\nevent: endpoint\ndata: /message?sessionId=r-1\n\n'
const ping = (id: number) => ({ jsonrpc: '2.0', id, method: 'ping' }) as const

const RESUMED = { 'content-type': 'text/event-stream', 'mcp-resume': '1' }

/** A stream that stays open. */
const streamOf = (text: string) =>
  new ReadableStream({ start: stream => stream.enqueue(new TextEncoder().encode(text)) })

/** A transport, and a gateway that resumes its session. */
async function started(quirks: GatewayQuirks = {}, options: TransportOptions = {}) {
  const streams: ServerResponse[] = []
  const gateway = await startGateway({
    sse: (_, response) => {
      streams.push(response)
      response.writeHead(200, RESUMED)
      response.write(ENDPOINT)
    },
    ...quirks,
  })
  const signing = { credentials: KEY, region: REGION }
  const transport = new SigV4SseTransport(gateway.url, { ...signing, ...options })
  const messages: JsonRpcMessage[] = []
  const errors: Error[] = []
  transport.onmessage = message => void messages.push(message)
  transport.onerror = error => void errors.push(error)
  await transport.start()
  onTestFinished(() => transport.close())
  return { gateway, streams, transport, messages, errors }
}

test('a cut is no error: the response comes on the next stream, after the last event', async () => {
  const { gateway, streams, transport, messages, errors } = await started({
    message: (_, response) => response.writeHead(202).end('Accepted'),
  })
  await transport.send(ping(1))
  streams[0]?.write(`id: r-1.1-7\n${event({ jsonrpc: '2.0', method: 'notifications/x' })}`)
  await vi.waitUntil(() => messages.length === 1)
  streams[0]?.destroy()
  await vi.waitUntil(() => streams.length === 2)
  streams[1]?.write(event({ jsonrpc: '2.0', id: 1, result: {} }))
  await vi.waitUntil(() => messages.length === 2)
  // A response that comes again is dropped.
  streams[1]?.write(event({ jsonrpc: '2.0', id: 1, error: { code: -32000, message: '' } }))
  streams[1]?.write(event({ jsonrpc: '2.0', method: 'notifications/y' }))
  await vi.waitUntil(() => messages.length === 3)
  expect(messages.map(it => it.method ?? it.id)).toEqual(['notifications/x', 1, 'notifications/y'])
  expect(errors).toEqual([])
  const gets = gateway.received.filter(it => it.method === 'GET').map(it => it.headers)
  expect(gets).toMatchObject([{ 'mcp-resume': '1' }, { 'last-event-id': 'r-1.1-7' }])
})

test('a message that the network lost is posted again with the same bytes', async () => {
  let losses = 2
  const { gateway, transport } = await started({
    message: (_, response) =>
      losses-- > 0 ? response.destroy() : response.writeHead(202).end('Accepted'),
  })
  await transport.send(ping(1))
  const posts = gateway.received.filter(it => it.method === 'POST')
  expect(posts).toHaveLength(3)
  expect(new Set(posts.map(it => it.body.toString())).size).toBe(1)
  expect(posts.map(it => it.headers['mcp-resume'])).toEqual(Array(3).fill('1; settled=0'))
})

test('a post says up to which one the others are settled', async () => {
  const held: ServerResponse[] = []
  const { gateway, transport } = await started({
    message: (_, response) => void held.push(response),
  })
  const accept = async (n: number) => {
    await vi.waitUntil(() => held[n])
    held[n]?.writeHead(202).end('Accepted')
  }
  const first = transport.send(ping(1))
  const second = transport.send(ping(2))
  await accept(1)
  await second
  const third = transport.send(ping(3))
  await accept(0)
  await accept(2)
  await Promise.all([first, third])
  const others = [
    transport.send(ping(4)),
    transport.send({ jsonrpc: '2.0', method: 'notifications/x' }),
  ]
  await Promise.all([accept(3), accept(4), ...others])
  const posts = gateway.received.filter(it => it.method === 'POST')
  expect(posts.map(it => it.headers['mcp-resume'])).toEqual([
    '1; settled=0',
    '2; settled=0',
    '3; settled=0',
    '4; settled=3',
    undefined,
  ])
})

describe('a message over a limit of the gateway', () => {
  test('waits as long as it says, and no longer than there is time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const posted: number[] = []
    const error = { code: 'rate_limited', message: 'Too many calls' }
    const transport = new SigV4SseTransport('http://127.0.0.1:1', {
      credentials: KEY,
      region: REGION,
      sendTimeoutMs: 30_000,
      fetch: async (_, { method } = {}) => {
        if (method === 'GET') return new Response(streamOf(ENDPOINT), { headers: RESUMED })
        if (method === 'POST') posted.push(Date.now())
        return Response.json({ error }, { status: 429, headers: { 'retry-after': '20' } })
      },
    })
    await transport.start()
    const outcome = transport.send(ping(1)).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(await outcome).toMatchObject({ code: 'rate_limited' })
    expect(posted).toHaveLength(2)
    expect((posted[1] ?? 0) - (posted[0] ?? 0)).toBeGreaterThanOrEqual(20_000)
    await transport.close()
  })

  test('is unknown where an earlier attempt may have been accepted', async () => {
    let losses = 1
    const { transport } = await started(
      {
        message: (request, response) =>
          losses-- > 0 ? response.destroy() : overLimit(request, response),
      },
      { sendTimeoutMs: 500 },
    )
    await expect(transport.send(ping(1))).rejects.toMatchObject({ code: 'timeout' })
  })
})

test('a network that is away when credentials are fetched is a cut too', async () => {
  let failures = 0
  const { gateway, streams, transport, messages, errors } = await started(
    {},
    {
      async credentials() {
        if (failures === 0) return KEY
        failures -= 1
        throw Object.assign(new Error('getaddrinfo ENOTFOUND sts'), { code: 'ENOTFOUND' })
      },
    },
  )
  failures = 2
  streams[0]?.destroy()
  await vi.waitUntil(() => streams.length === 2)
  failures = 1
  await transport.send(ping(1))
  streams[1]?.write(event({ jsonrpc: '2.0', id: 1, result: {} }))
  await vi.waitUntil(() => messages.length === 1)
  expect(errors).toEqual([])
  expect(gateway.received.filter(it => it.method === 'POST')).toHaveLength(1)
})

test('closing ends the session on the server, once', async () => {
  const { gateway, transport } = await started()
  await transport.close()
  await transport.close()
  const ends = gateway.received.filter(it => it.method === 'DELETE').map(it => it.target)
  expect(ends).toEqual(['/message?sessionId=r-1'])
})

test('a gateway that has no room for a stream is an error of its own', async () => {
  const gateway = await startGateway({
    sse: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(': too many open streams\n\nretry: 5000\n\n')
    },
  })
  const transport = new SigV4SseTransport(gateway.url, { credentials: KEY, region: REGION })
  await expect(transport.start()).rejects.toMatchObject({
    code: 'rate_limited',
    retryable: true,
    retryAfterMs: 5_000,
    hint: expect.stringContaining('MaxStreamsPerCaller'),
  })
})
