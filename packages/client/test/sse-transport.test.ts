import { inspect } from 'node:util'

import { Client as ClientV2, type Transport as TransportV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'

import {
  SigV4SseTransport,
  SigV4StreamableHttpTransport,
  type TransportOptions,
} from '../src/index.ts'
import {
  ENDPOINT,
  event,
  type Gateway,
  type GatewayQuirks,
  overLimit,
  serve,
  startGateway,
  toolResult,
} from './support/server.ts'
import { KEY, REGION } from './support/verifier.ts'

/** What the clients of both SDKs have in common here. */
interface Client {
  connect(transport: SigV4SseTransport): Promise<void>
  listTools(): Promise<{ tools: { name: string }[] }>
  callTool(params: { name: string; arguments?: Record<string, unknown> }): Promise<unknown>
  ping(): Promise<unknown>
  close(): Promise<void>
}

const info = { name: 'test', version: '1' }
const SDKS: [string, () => Client][] = [
  ['SDK 1.x', () => new ClientV1(info)],
  ['SDK 2.x', () => new ClientV2(info)],
  ['SDK 2.x with negotiation', () => new ClientV2(info, { versionNegotiation: { mode: 'auto' } })],
]

const signing = { credentials: KEY, region: REGION }
const echo = (args: Record<string, unknown> = {}) => ({ name: 'echo', arguments: args })

describe.each(SDKS)('with the client of %s', (_, newClient) => {
  test('a session is opened, used and closed', async () => {
    const { gateway, client, closed } = await connect(newClient())
    const { tools } = await client.listTools()
    const results = await Promise.all([1, 2, 3].map(n => client.callTool(echo({ n }))))
    await client.close()

    expect(tools).toMatchObject([{ name: 'echo' }])
    expect(results).toMatchObject([1, 2, 3].map(n => toolResult(JSON.stringify({ n }))))
    expect(closed).toHaveBeenCalledOnce()
    expect(streamRequests(gateway)).toHaveLength(1)
    await vi.waitUntil(() => gateway.open.size === 0)
  })

  test('every request after the negotiation carries the protocol version', async () => {
    const { gateway, client } = await connect(newClient())
    await client.ping()

    const versions = gateway.received.map(({ headers }) => headers['mcp-protocol-version'])
    expect(versions[0]).toBeUndefined()
    expect(versions.at(-1)).toMatch(/^20\d\d-/)
  })

  test.each<[string, (gateway: Gateway) => void]>([
    ['ends', gateway => gateway.streams[0]?.end()],
    ['ends within an event', gateway => gateway.streams[0]?.end('data: {"json')],
    ['breaks off', gateway => gateway.streams[0]?.destroy()],
    ['ends with a farewell', gateway => gateway.write('event: bye\ndata: {"reason":"rotate"}\n\n')],
    ['names another session', gateway => gateway.write('event: endpoint\ndata: /message?s=2\n\n')],
  ])(
    'calls fail at once when the stream %s, and another session takes its place',
    async (__, end) => {
      const { gateway, client, closed, failed } = await connect(newClient(), {
        call: message => {
          if (gateway.streams.length > 1 || replaced) gateway.reply(message.id, toolResult('again'))
        },
      })
      let replaced = false
      const calls = [client.callTool(echo()), client.callTool(echo())]
      await vi.waitUntil(() => callsIn(gateway) === 2)
      replaced = true
      end(gateway)

      for (const call of calls)
        await expect(call).rejects.toMatchObject({
          code: -32000,
          data: { reason: 'outcome-unknown', lost: 'session', retrySafe: false },
        })
      expect(await client.callTool(echo())).toMatchObject(toolResult('again'))
      expect(gateway.messages.filter(it => it.method === 'initialize')).toHaveLength(2)
      expect(closed).not.toHaveBeenCalled()
      expect(failed).not.toHaveBeenCalled()
      await client.close()
      expect(closed).toHaveBeenCalledOnce()
    },
  )

  test('calls fail when the stream is silent for too long', async () => {
    const { gateway, client, closed } = await connect(
      newClient(),
      { call: () => {} },
      { heartbeatTimeoutMs: 1_000 },
    )
    await expect(client.callTool(echo())).rejects.toMatchObject({
      code: -32000,
      message: expect.stringContaining('silent for 1000 ms'),
    })
    expect(closed).not.toHaveBeenCalled()
    await vi.waitUntil(() => streamRequests(gateway).length > 1)
  })

  test('progress that comes together with the response is delivered', async () => {
    const { gateway, client } = await connect(newClient(), {
      call: ({ id, params }) => {
        const { progressToken } = params?._meta ?? {}
        const progress = { progressToken, progress: 1 }
        gateway.write(
          event({ jsonrpc: '2.0', method: 'notifications/progress', params: progress }) +
            event({ jsonrpc: '2.0', id, result: toolResult('done') }),
        )
      },
    })
    const onprogress = vi.fn()
    const call =
      client instanceof ClientV1
        ? client.callTool(echo(), undefined, { onprogress })
        : (client as ClientV2).callTool(echo(), { onprogress })
    expect(await call).toMatchObject(toolResult('done'))
    expect(onprogress).toHaveBeenCalledOnce()
  })

  test('a message that the server refuses with 404 fails with session_not_found', async () => {
    const { client, closed } = await connect(newClient(), {
      message: (__, response, { method }) => {
        response.writeHead(method === 'tools/call' ? 404 : 202).end()
        return true
      },
    })
    await expect(client.callTool(echo())).rejects.toMatchObject({
      code: 'session_not_found',
      status: 404,
    })
    expect(closed).not.toHaveBeenCalled()
  })

  test('a 202 whose body never ends does not delay the next messages', {
    timeout: 10_000,
  }, async () => {
    const { client } = await connect(
      newClient(),
      {
        message: (__, response) => {
          response.writeHead(202).write('Acc')
          return true
        },
      },
      { sendTimeoutMs: 60_000 },
    )
    expect(await client.callTool(echo({ n: 1 }))).toMatchObject(toolResult('{"n":1}'))
  })

  test('a response that arrives before its 202 is delivered', async () => {
    let accept = () => {}
    const { client } = await connect(newClient(), {
      message: (__, response, { method }) => {
        if (method === 'tools/call') accept = () => response.writeHead(202).end()
        else response.writeHead(202).end()
        return true
      },
    })
    expect(await client.callTool(echo({ n: 1 }))).toMatchObject(toolResult('{"n":1}'))
    accept()
    await client.ping()
  })

  test('connecting fails when the stream is refused, and leaves nothing running', async () => {
    const { client, gateway, connecting, closed } = await attempt(newClient(), {
      sse: (__, response) => response.writeHead(403).end('{"Message":"Forbidden"}'),
    })
    await expect(connecting).rejects.toMatchObject({ code: 'access_denied', status: 403 })
    expect(closed).toHaveBeenCalledOnce()
    await client.close()
    expect(closed).toHaveBeenCalledOnce()
    expect(gateway.received).toHaveLength(1)
  })

  test('a client whose connect failed can connect again with a new transport', async () => {
    let refuse = true
    const quirks: GatewayQuirks = {
      sse: (__, response) =>
        refuse
          ? response.writeHead(503).end()
          : response.writeHead(200, { 'content-type': 'text/event-stream' }).write(ENDPOINT),
      message: (__, response, message) => {
        response.writeHead(202).end()
        const stream = [...gateway.open].find(({ statusCode }) => statusCode === 200)
        stream?.write(
          event({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'no' } }),
        )
      },
    }
    const { client, gateway, connecting } = await attempt(newClient(), quirks)
    await expect(connecting).rejects.toMatchObject({ code: 'server_error', retryable: true })

    refuse = false
    const again = new SigV4SseTransport(gateway.url, signing)
    await expect(client.connect(again)).rejects.toMatchObject({ code: -32601 })
  })
})

describe('start', () => {
  const html = { 'content-type': 'text/html' }
  test.each<[string, GatewayQuirks['sse'], object]>([
    ['401', (_, r) => r.writeHead(401).end(), { code: 'invalid_credentials' }],
    ['404', (_, r) => r.writeHead(404).end(), { code: 'request_refused', retryable: false }],
    [
      '429 with a long Retry-After',
      (_, r) => r.writeHead(429, { 'retry-after': '60' }).end(),
      { code: 'rate_limited', retryable: true },
    ],
    ['502', (_, r) => r.writeHead(502).end(), { code: 'server_error', retryable: true }],
    ['204', (_, r) => r.writeHead(204).end(), { code: 'invalid_response' }],
    ['a web page', (_, r) => r.writeHead(200, html).write('<h1>'), { code: 'invalid_response' }],
    [
      'a redirect',
      (_, r) => r.writeHead(307, { location: 'https://example.com/sse' }).end(),
      { code: 'redirect_refused' },
    ],
    ['nothing', (_, r) => r.destroy(), { code: 'connection_failed', retryable: true }],
    ['no endpoint', (_, r) => stream(r), { code: 'timeout', retryable: true }],
    ['no headers', () => {}, { code: 'timeout', retryable: true }],
    ['an early end', (_, r) => stream(r).end(), { code: 'connection_closed' }],
    [
      'an endpoint on another host',
      (_, r) => stream(r).write('event: endpoint\ndata: https://example.com/message\n\n'),
      { code: 'invalid_response' },
    ],
    [
      'an endpoint on another port',
      (_, r) => stream(r).write('event: endpoint\ndata: http://127.0.0.1:1/message\n\n'),
      { code: 'invalid_response' },
    ],
    [
      'an endpoint that is no URL',
      (_, r) => stream(r).write('event: endpoint\ndata: http://[\n\n'),
      { code: 'invalid_response' },
    ],
  ])('rejects when the server responds with %s, after one request', async (_, sse, expected) => {
    const gateway = await startGateway(sse && { sse })
    const connectTimeoutMs = 'code' in expected && expected.code === 'timeout' ? 300 : 20_000
    const { transport, log } = observed(gateway, { connectTimeoutMs })

    await expect(transport.start()).rejects.toMatchObject(expected)
    expect(log).toEqual(['close'])
    await vi.waitUntil(() => gateway.open.size === 0)
    expect(gateway.received).toHaveLength(1)
  })

  test('says where an endpoint on another host is, without its query', async () => {
    const gateway = await startGateway({
      sse: (_, r) => stream(r).write('event: endpoint\ndata: https://example.com/m?key=k1\n\n'),
    })
    const { transport } = observed(gateway)
    await expect(transport.start()).rejects.toMatchObject({
      message: expect.stringMatching(/: https:\/\/example\.com\/m$/),
    })
  })

  test('rejects when no server listens', async () => {
    const transport = new SigV4SseTransport('http://127.0.0.1:1', signing)
    await expect(transport.start()).rejects.toMatchObject({
      code: 'connection_failed',
      message: expect.stringContaining('http://127.0.0.1:1'),
      retryable: true,
    })
  })

  test('rejects in time when the credentials are late, and sends nothing when they arrive', async () => {
    const gateway = await startGateway()
    let found = () => {}
    const { transport } = observed(gateway, {
      connectTimeoutMs: 50,
      credentials: () => new Promise(resolve => (found = () => resolve(KEY))),
    })
    await expect(transport.start()).rejects.toMatchObject({ code: 'timeout' })
    found()
    await new Promise(setImmediate)
    expect(gateway.received).toHaveLength(0)
  })

  test('rejects when the transport is closed before the stream is open', async () => {
    const gateway = await startGateway({ sse: () => {} })
    const { transport, log } = observed(gateway)
    const starting = transport.start()
    await vi.waitUntil(() => gateway.open.size === 1)
    await transport.close()

    await expect(starting).rejects.toMatchObject({ code: 'connection_closed' })
    expect(log).toEqual(['close'])
    await vi.waitUntil(() => gateway.open.size === 0)
  })

  test.each([
    [429, { Message: 'Rate Exceeded.' }],
    [503, { error: { code: 'service_unavailable', message: 'A table cannot be used' } }],
  ])('is tried again after a %d that says that nothing ran', async (status, body) => {
    let refusals = 2
    const gateway = await startGateway({
      sse: (_, response) =>
        refusals-- > 0
          ? response.writeHead(status).end(JSON.stringify(body))
          : stream(response).write(ENDPOINT),
    })
    await observed(gateway).transport.start()
    expect(gateway.received).toHaveLength(3)
  })

  test('is possible only once', async () => {
    const { transport } = observed(await startGateway())
    await transport.start()
    await expect(transport.start()).rejects.toThrow(TypeError)
    await transport.close()
    await expect(transport.start()).rejects.toThrow('make a new SigV4SseTransport')
  })

  test('keeps the path prefix and the query of the URL, and uses the endpoint that the server names', async () => {
    const gateway = await startGateway({
      sse: (_, response) => stream(response).write('event: endpoint\ndata: post?s=a+b\n\n'),
    })
    const { transport } = observed({ url: `${gateway.url}/team/v1/?tenant=x` })
    await transport.start()
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
    expect(gateway.received.map(({ target }) => target)).toEqual([
      '/team/v1/sse?tenant=x',
      '/team/v1/post?s=a%20b',
    ])
  })

  test('sends the headers of the options, and its own, with every request', async () => {
    const gateway = await startGateway()
    const headers = { 'x-tenant': 'x', accept: 'text/html', 'content-type': 'text/html' }
    const { transport } = observed(gateway, { headers })
    await transport.start()
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
    expect(gateway.received).toMatchObject([
      { headers: { 'x-tenant': 'x', accept: 'text/event-stream' } },
      { headers: { 'x-tenant': 'x', 'content-type': 'application/json' } },
    ])
  })
})

describe('the stream', () => {
  test('may be split anywhere, also within a character', async () => {
    const { gateway, messages } = await started()
    const sent = { jsonrpc: '2.0', method: 'x', params: { text: 'ä日本🎈' } }
    const bytes = Buffer.from(event(sent))
    const { streams } = gateway
    for (const byte of bytes) {
      await new Promise(resolve => streams[0]?.write(Buffer.of(byte), resolve))
      await new Promise(setImmediate)
    }
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toEqual([sent])
  })

  test('carries a message of 6 MB', async () => {
    const { gateway, messages } = await started()
    const sent = { jsonrpc: '2.0', method: 'x', params: { text: 'ä\n'.repeat(2 << 20) } }
    gateway.write(event(sent))
    await vi.waitUntil(() => messages.length === 1, 10_000)
    expect(messages).toEqual([sent])
  })

  test('may end its lines with CR LF and begin with a byte order mark', async () => {
    const gateway = await startGateway({
      sse: (_, response) =>
        stream(response).write(
          `\uFEFF${ENDPOINT.replaceAll('\n', '\r\n')}data: {"jsonrpc":"2.0","method":"x"}\r\n\r\n`,
        ),
    })
    const { transport, messages } = observed(gateway)
    await transport.start()
    await vi.waitUntil(() => messages.length === 1)
  })

  test('may contain unknown comments, fields and events', async () => {
    const { gateway, messages, log } = await started()
    gateway.write(': ka\n\nretry: x\nfoo: bar\n\nevent: news\ndata: {\n\nid: 7\n\n')
    gateway.write(event({ jsonrpc: '2.0', method: 'x' }))
    await vi.waitUntil(() => messages.length === 1)
    expect(log).toEqual(['message'])
  })

  test('stays open while it brings heartbeats', async () => {
    const limits = { connectTimeoutMs: 20_000, heartbeatTimeoutMs: 1_000 }
    const { gateway, messages, log } = await started({}, limits)
    const begin = Date.now()
    while (Date.now() - begin < 2_500) {
      gateway.write(': ka\n\n')
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    gateway.write(event({ jsonrpc: '2.0', method: 'x' }))
    await vi.waitUntil(() => messages.length === 1)
    expect(log).toEqual(['message'])
  })

  test('stays open after data that is not JSON, and after a handler that throws', async () => {
    const { gateway, transport, log, errors } = await started()
    transport.onmessage = message => {
      log.push('message')
      if (message.method === 'bad') throw new Error('handler')
    }
    gateway.write('data: {oops\n\ndata:\n\ndata: null\n\n')
    gateway.write(event({ jsonrpc: '2.0', method: 'bad' }))
    gateway.write(event({ jsonrpc: '2.0', method: 'good' }))
    await vi.waitUntil(() => log.length === 6)
    expect(log).toEqual(['error', 'error', 'error', 'message', 'error', 'message'])
    expect(errors.at(-1)?.message).toBe('handler')
  })

  test('ends when an event is too large', async () => {
    const { gateway, errors, log } = await started()
    const megabyte = 'x'.repeat(1 << 20)
    gateway.write('data: ')
    for (let written = 0; written < 65 && errors.length === 0; written++)
      await new Promise(resolve => gateway.streams[0]?.write(megabyte, resolve))
    await vi.waitUntil(() => errors.length === 1, 10_000)
    expect(errors[0]).toMatchObject({ code: 'invalid_response' })
    expect(log).toEqual(['error', 'close'])
  })

  test('delivers nothing after close, not even messages that have already arrived', async () => {
    const { gateway, transport, log } = await started()
    transport.onmessage = () => {
      log.push('message')
      void transport.close()
    }
    gateway.write(event({ jsonrpc: '2.0', method: 'a' }) + event({ jsonrpc: '2.0', method: 'b' }))
    await vi.waitUntil(() => gateway.open.size === 0)
    expect(log).toEqual(['message', 'close'])
  })

  test('gives every pending request an error when it ends, and no other request', async () => {
    const { gateway, transport, messages, log } = await started({
      message: (_, response) => response.writeHead(202).end(),
    })
    for (const id of [1, '1', 'completed', 'cancelled'])
      await transport.send({ jsonrpc: '2.0', id, method: 'x' })
    await transport.send({ jsonrpc: '2.0', id: 'of the server', result: {} })
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
    const params = { requestId: 'cancelled' }
    await transport.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    gateway.reply('completed', {})
    await vi.waitUntil(() => messages.length === 1)
    gateway.streams[0]?.end()

    await vi.waitUntil(() => messages.length === 3)
    expect(messages.slice(1).map(({ id }) => id)).toEqual([1, '1'])
    expect(log).toEqual(['message', 'message', 'message'])
  })

  test('aborts the messages that are being sent when it ends', async () => {
    const { gateway, transport } = await started({ message: () => {} })
    const sending = transport.send({ jsonrpc: '2.0', method: 'x' })
    await vi.waitUntil(() => gateway.messages.length === 1)
    gateway.streams[0]?.end()
    await expect(sending).rejects.toMatchObject({ code: 'connection_closed' })
    await vi.waitUntil(() => gateway.open.size === 0)
  })

  test('fails a request that is being sent when it ends once, by a message', async () => {
    const { gateway, transport, messages } = await started({ message: () => {} })
    const sending = transport.send({ jsonrpc: '2.0', id: 1, method: 'x' })
    await vi.waitUntil(() => gateway.messages.length === 1)
    gateway.streams[0]?.end()
    await sending
    expect(messages).toMatchObject([{ id: 1, error: { data: { reason: 'outcome-unknown' } } }])
  })

  test('needs no 202 for a request that has its response', async () => {
    const { gateway, transport, messages } = await started(
      { message: () => {} },
      { sendTimeoutMs: 2_000 },
    )
    const sending = transport.send({ jsonrpc: '2.0', id: 1, method: 'x' })
    await vi.waitUntil(() => gateway.messages.length === 1)
    gateway.reply(1, {})
    await sending
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, result: {} }])
  })
})

test('posts 16 requests at once, and the next one when one of them is answered', async () => {
  const { gateway, transport } = await started({ message: () => {} }, { sendTimeoutMs: 60_000 })
  const ids = Array.from({ length: 18 }, (_, n) => n)
  const sending = ids.map(id => transport.send({ jsonrpc: '2.0', id, method: 'x' }))
  sending.forEach(it => void it.catch(() => {}))
  await vi.waitUntil(() => gateway.messages.length === 16)
  expect(gateway.messages).toHaveLength(16)
  gateway.reply(0, {})
  await sending[0]
  await vi.waitUntil(() => gateway.messages.length === 17)
  await transport.close()
})

describe('send', () => {
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' } as const

  test.each<[string, GatewayQuirks['message'], object]>([
    ['500', (_, r) => r.writeHead(500).end(), { code: 'server_error', retryable: false }],
    ['413', (_, r) => r.writeHead(413).end(), { code: 'request_refused', status: 413 }],
    ['403', (_, r) => r.writeHead(403).end(), { code: 'access_denied', retryable: false }],
    [
      '429 with a long Retry-After',
      (_, r) => r.writeHead(429, { 'retry-after': '60' }).end(),
      { code: 'rate_limited', retryable: true },
    ],
    ['a reset', (_, r) => r.destroy(), { code: 'connection_failed', retryable: false }],
    ['nothing', () => {}, { code: 'timeout', retryable: false }],
    [
      'a redirect',
      (_, r) => r.writeHead(308, { location: '/elsewhere' }).end(),
      { code: 'redirect_refused' },
    ],
  ])(
    'rejects when the server responds with %s, sends once, and the session continues',
    async (_, message, expected) => {
      let odd = true
      const { gateway, transport, messages, log } = await started(
        {
          message: (request, response, each) =>
            odd ? message?.(request, response, each) : response.writeHead(202).end() && true,
        },
        { sendTimeoutMs: 1_000 },
      )
      await expect(transport.send(ping)).rejects.toMatchObject(expected)
      expect(gateway.messages).toHaveLength(1)

      odd = false
      await transport.send({ ...ping, id: 2 })
      await vi.waitUntil(() => messages.length === 1)
      expect(log).toEqual(['message'])
    },
  )

  test('drops a response to a request that it has rejected', async () => {
    const { gateway, transport, messages } = await started(
      { message: (_, response, { id }) => id === 2 && response.writeHead(202).end() && true },
      { sendTimeoutMs: 500 },
    )
    await expect(transport.send(ping)).rejects.toMatchObject({ code: 'timeout' })
    gateway.reply(1, {})
    await transport.send({ ...ping, id: 2 })
    await vi.waitUntil(() => messages.length > 0)
    expect(messages).toMatchObject([{ id: 2 }])
  })

  test('waits for a rate limit, and repeats the message with a new signature', async () => {
    let refusals = 1
    const { gateway, transport } = await started({
      message: (_, response) => {
        if (refusals-- > 0) return void response.writeHead(429, { 'retry-after': '1' }).end()
        return response.writeHead(202).end() && true
      },
    })
    await transport.send(ping)
    const [, ...posts] = gateway.received
    expect(new Set(posts.map(({ body }) => body.toString())).size).toBe(1)
    expect(new Set(posts.map(({ headers }) => headers['x-amz-date'])).size).toBe(2)
  })

  test('reports a limit of the gateway that lasts for longer than there is time', async () => {
    const { gateway, transport } = await started({ message: overLimit }, { sendTimeoutMs: 20_000 })
    await expect(transport.send(ping)).rejects.toMatchObject({
      code: 'rate_limited',
      message: expect.stringContaining('Too many calls'),
      retryAfterMs: 60_000,
      retryable: true,
    })
    expect(gateway.messages).toHaveLength(1)
  })

  test('does not repeat a request that was cancelled during the pause', async () => {
    const { gateway, transport } = await started({
      message: (_, response, { method }) =>
        response.writeHead(method === 'ping' ? 429 : 202, { 'retry-after': '1' }).end(),
    })
    const sending = transport.send(ping)
    const params = { requestId: ping.id }
    await vi.waitUntil(() => gateway.messages.length === 1)
    await transport.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    await expect(sending).rejects.toMatchObject({ code: 'rate_limited' })
    expect(gateway.messages).toHaveLength(2)
  })

  test('needs a connection', async () => {
    const gateway = await startGateway()
    const { transport } = observed(gateway)
    await expect(transport.send(ping)).rejects.toMatchObject({ code: 'connection_closed' })
    await transport.start()
    await transport.close()
    await expect(transport.send(ping)).rejects.toMatchObject({
      code: 'connection_closed',
      message: 'Not sent. The transport was closed',
    })
    expect(gateway.messages).toHaveLength(0)
  })

  test('reuses its connection', async () => {
    const ports = new Set<number | undefined>()
    const { transport } = await started({
      message: (_, response) => {
        ports.add(response.socket?.remotePort)
        return response.writeHead(202).end('Accepted')
      },
    })
    for (let id = 0; id < 10; id++) {
      await transport.send({ ...ping, id })
      await new Promise(setImmediate)
    }
    expect(ports.size).toBeLessThan(4)
  })

  test('works after a change of the credentials', async () => {
    const other = { accessKeyId: 'AKIDOTHER', secretAccessKey: 'refused by the gateway' }
    let current = KEY
    const { gateway, transport } = await started(
      {},
      {
        async credentials(options) {
          if (options?.forceRefresh) current = KEY
          return current
        },
      },
    )
    current = other
    await transport.send(ping)
    expect(gateway.messages).toHaveLength(1)
    expect(gateway.received).toHaveLength(3)
  })
})

describe('version negotiation of SDK 2.x', () => {
  const probeWithStatus = (status: number) =>
    attempt(new ClientV2(info, { versionNegotiation: { mode: 'auto' } }), {
      message: (_, response, { method }) =>
        method === 'server/discover'
          ? response.writeHead(status).end('{"error":{"code":"bad_request","message":"no"}}') &&
            false
          : response.writeHead(202).end() && true,
    })

  test.each([400, 405, 422])(
    'falls back to initialize when the probe is refused with %i',
    async status => {
      const { connecting, gateway } = await probeWithStatus(status)
      await connecting
      expect(gateway.messages.map(({ method }) => method)).toContain('initialize')
    },
  )

  test.each([
    [403, 'access_denied'],
    [404, 'session_not_found'],
    [500, 'server_error'],
  ])('rejects when the response to the probe is %i, and says why', async (status, code) => {
    const { connecting, gateway } = await probeWithStatus(status)
    await expect(connecting).rejects.toMatchObject({ cause: { code } })
    expect(gateway.messages).toHaveLength(1)
  })
})

test('a limit that is infinite never ends', async () => {
  const never = Number.POSITIVE_INFINITY
  const limits = { connectTimeoutMs: never, sendTimeoutMs: never, heartbeatTimeoutMs: never }
  const { transport, log, gateway } = await started({}, limits)
  await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
  expect(log).toEqual([])
  expect(streamRequests(gateway)).toHaveLength(1)
})

test.each([SigV4SseTransport, SigV4StreamableHttpTransport])(
  'a header of the options that cannot be sent is an error without its value',
  async Transport => {
    const headers = { 'x-api-key': 'first-half\nsecond-half' }
    const transport = new Transport('http://127.0.0.1:1', { ...signing, headers })
    const connecting = async () => {
      await transport.start()
      await transport.send({ jsonrpc: '2.0', id: 1, method: 'initialize' })
    }
    const error = await connecting().catch(it => it)
    expect(error).toMatchObject({
      code: 'connection_failed',
      hint: 'Correct the option "headers".',
    })
    expect(inspect(error)).not.toContain('half')
  },
)

test('the transport has the types of both SDKs, and does not make them skip initialize', () => {
  const transport = new SigV4SseTransport('https://abc.lambda-url.us-east-1.on.aws')
  const one: TransportV1 = transport
  const two: TransportV2 = transport
  expect(one.sessionId).toBeUndefined()
  expect(two.hasPerRequestStream).toBeUndefined()
})

test('the constructor checks the URL', () => {
  expect(() => new SigV4SseTransport('http://example.com')).toThrow('not https')
  expect(() => new SigV4SseTransport('example.com')).toThrow('Not an absolute URL')
})

test('a URL without a region is an error', async () => {
  for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, '')
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { url, received } = await serve(() => {})
  const transport = new SigV4SseTransport(url, { credentials: KEY })
  await expect(transport.start()).rejects.toMatchObject({ code: 'missing_region' })
  expect(received).toHaveLength(0)
})

const stream = (response: Parameters<NonNullable<GatewayQuirks['sse']>>[1]) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  return response
}

const streamRequests = ({ received }: Gateway) => received.filter(({ method }) => method === 'GET')
const callsIn = ({ messages }: Gateway) =>
  messages.filter(({ method }) => method === 'tools/call').length

/** A transport of its own, with a log of what it calls. */
function observed({ url }: { url: string }, options: TransportOptions = {}) {
  const transport = new SigV4SseTransport(url, { ...signing, ...options })
  onTestFinished(() => transport.close())
  const log: ('message' | 'error' | 'close')[] = []
  const messages: Parameters<NonNullable<SigV4SseTransport['onmessage']>>[0][] = []
  const errors: Error[] = []
  transport.onmessage = message => {
    log.push('message')
    messages.push(message)
  }
  transport.onerror = error => {
    log.push('error')
    errors.push(error)
  }
  transport.onclose = () => log.push('close')
  return { transport, log, messages, errors }
}

async function started(quirks?: GatewayQuirks, options?: TransportOptions) {
  const gateway = await startGateway(quirks)
  const all = observed(gateway, options)
  await all.transport.start()
  return { gateway, ...all }
}

async function attempt(client: Client, quirks?: GatewayQuirks, options?: TransportOptions) {
  const gateway = await startGateway(quirks)
  const closed = vi.fn()
  const failed = vi.fn()
  const transport = new SigV4SseTransport(gateway.url, { ...signing, ...options })
  transport.onclose = closed // both SDKs call the handlers that are there before theirs
  transport.onerror = failed
  const connecting = client.connect(transport)
  onTestFinished(() => client.close())
  return { client, gateway, connecting, closed, failed }
}

async function connect(...args: Parameters<typeof attempt>) {
  const all = await attempt(...args)
  await all.connecting
  return all
}
