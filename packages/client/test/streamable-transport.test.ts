import { execFile } from 'node:child_process'
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { Client as ClientV2, type Transport as TransportV2 } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test, vi } from 'vitest'

import {
  connect,
  type JsonRpcMessage,
  SigV4SseTransport,
  SigV4StreamableHttpTransport,
  type TransportOptions,
} from '../src/index.ts'
import { serveV1, serveV2 } from './support/sdk.ts'
import {
  type LoopbackServer,
  type Message,
  serve,
  startGateway,
  toolResult,
} from './support/server.ts'
import { KEY, REGION, type Received, refusalOf } from './support/verifier.ts'

interface CallOptions {
  onprogress?: (progress: { progress: number }) => void
  signal?: AbortSignal
}

/** What the clients of both SDKs have in common here. */
interface Client {
  connect(transport: SigV4StreamableHttpTransport | SigV4SseTransport): Promise<void>
  listTools(): Promise<{ tools: { name: string }[] }>
  close(): Promise<void>
}

const info = { name: 'test', version: '1' }
const elicitation = { capabilities: { elicitation: {} } }
const accepted = { action: 'accept' as const, content: {} }

const newV1 = () => {
  const client = new ClientV1(info, elicitation)
  client.setRequestHandler(ElicitRequestSchema, () => accepted)
  return client
}
const newV2 = (mode: 'legacy' | 'auto') => {
  const client = new ClientV2(info, { ...elicitation, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', () => accepted)
  return client
}
type Call = (name: string, options?: CallOptions) => Promise<unknown>
const args = { arguments: { n: 1 } }
const SDKS: [string, () => { client: Client; call: Call }][] = [
  [
    'SDK 1.x',
    () => {
      const client = newV1()
      return {
        client,
        call: (name, options) => client.callTool({ name, ...args }, undefined, options),
      }
    },
  ],
  [
    'SDK 2.x',
    () => {
      const client = newV2('legacy')
      return { client, call: (name, options) => client.callTool({ name, ...args }, options) }
    },
  ],
  [
    'SDK 2.x with negotiation',
    () => {
      const client = newV2('auto')
      return { client, call: (name, options) => client.callTool({ name, ...args }, options) }
    },
  ],
]

const signing = { credentials: KEY, region: REGION }
const echoed = toolResult('{"n":1}')

describe.each(SDKS)('the client of %s', (name, newClient) => {
  test.each<[string, () => Promise<LoopbackServer>]>([
    ['1.x, with sessions', serveV1],
    ['1.x, in JSON', () => serveV1({ json: true })],
    ['2.x', serveV2],
  ])('lists, calls and closes with the server of SDK %s', async (_, start) => {
    const server = await start()
    const { client, call } = newClient()
    const { closed, failed } = await join(client, server)
    const { tools } = await client.listTools()
    const results = await Promise.all([call('echo'), call('echo'), call('echo')])
    await client.close()

    expect(tools).toMatchObject([{ name: 'echo' }, {}, {}, {}, {}])
    expect(results).toMatchObject([echoed, echoed, echoed])
    expect(closed).toHaveBeenCalledOnce()
    expect(failed).not.toHaveBeenCalled()
    await vi.waitUntil(() => server.open.size === 0)
  })

  test.each<[string, () => Promise<LoopbackServer>]>([
    ['1.x', serveV1],
    ['2.x', serveV2],
  ])('gets progress from the server of SDK %s', async (_, start) => {
    const { client, call } = newClient()
    await join(client, await start())
    const onprogress = vi.fn()
    expect(await call('progress', { onprogress })).toMatchObject(echoed)
    expect(onprogress).toHaveBeenCalledOnce()
  })

  test('responds to an elicitation while its call is open', async () => {
    const { client, call } = newClient()
    await join(client, await serveV1())
    expect(await call('ask')).toMatchObject(toolResult('accept'))
  })

  test('gets a response after the server closed its stream, by resuming it', async () => {
    const server = await serveV1()
    const { client, call } = newClient()
    const { failed } = await join(client, server)
    expect(await call('hangUp')).toMatchObject(echoed)

    const resumptions = server.received.filter(({ headers }) => headers['last-event-id'])
    expect(resumptions).toHaveLength(1)
    expect(failed).not.toHaveBeenCalled()
  })

  test('gets the messages of the server that belong to no call', async () => {
    const server = await serveV1()
    const { client } = newClient()
    const { transport } = await join(client, server)
    const heard = vi.fn()
    const deliver = transport.onmessage
    transport.onmessage = message => {
      heard(message.method)
      deliver?.(message)
    }
    await vi.waitUntil(() => of(server, 'GET').length === 1 && server.open.size === 1)
    for (const session of server.sessions.values()) await session.server.sendToolListChanged()
    await vi.waitUntil(() => heard.mock.calls.length > 0)
    expect(heard).toHaveBeenCalledExactlyOnceWith('notifications/tools/list_changed')
  })

  test('continues in a new session when the server has forgotten the old one', async () => {
    const server = await serveV1()
    const { client, call } = newClient()
    const { closed, failed, transport } = await join(client, server)
    const { sessionId } = transport
    expect(sessionId).toBeDefined()
    server.sessions.clear()

    expect(await Promise.all([call('echo'), call('progress')])).toMatchObject([echoed, echoed])
    expect(await call('ask')).toMatchObject(toolResult('accept'))
    expect(transport.sessionId).not.toBe(sessionId)
    expect([...server.sessions.keys()]).toEqual([transport.sessionId])
    expect(failed).not.toHaveBeenCalled()
    expect(closed).not.toHaveBeenCalled()
  })

  test('is notified once that the session is lost, and no call hangs', async () => {
    const server = await serveV1()
    const { client, call } = newClient()
    const { closed, transport } = await join(client, server)
    const waiting = call('wait')
    await vi.waitUntil(() => bodies(server).some(({ params }) => params?.name === 'wait'))
    server.sessions.clear()
    server.sessions.set = () => server.sessions // it forgets new ones at once

    const [lost, late] = await Promise.allSettled([waiting, call('echo')])
    expect(late).toMatchObject({ reason: { code: 'session_not_found', status: 404 } })
    expect(lost).toMatchObject({
      reason: {
        code: -32000,
        data: { reason: 'outcome-unknown', lost: 'session', retrySafe: false },
      },
    })
    expect(closed).toHaveBeenCalledOnce()
    await client.close()
    expect(closed).toHaveBeenCalledOnce()
    expect(transport.sessionId).toBeDefined()
    await vi.waitUntil(() => server.open.size === 0)
  })

  test('ends its session where the server keeps one', async () => {
    const server = await serveV1()
    const { client } = newClient()
    const { transport, failed } = await join(client, server)
    await vi.waitUntil(() => of(server, 'GET').length === 1)
    const { sessionId } = transport
    await transport.terminateSession()

    expect(transport.sessionId).toBeUndefined()
    expect(server.sessions.size).toBe(0)
    expect(of(server, 'DELETE')).toMatchObject([{ headers: { 'mcp-session-id': sessionId } }])
    expect(failed).not.toHaveBeenCalled()
  })

  test.each<[string, () => Promise<LoopbackServer>]>([
    ['1.x', serveV1],
    ['2.x', serveV2],
  ])('ends the stream of a call that it cancels, with the server of SDK %s', async (_, start) => {
    const server = await start()
    const { client, call } = newClient()
    const { failed } = await join(client, server)
    const cancel = new AbortController()
    const calling = call('wait', { signal: cancel.signal })
    await vi.waitUntil(() => bodies(server).some(({ params }) => params?.name === 'wait'))
    cancel.abort(new Error('enough'))

    await expect(calling).rejects.toThrow('enough')
    const isListening = of(server, 'GET').length > 0 && start === serveV1
    await vi.waitUntil(() => server.open.size === Number(isListening))
    expect(await call('echo')).toMatchObject(echoed)
    expect(failed).not.toHaveBeenCalled()
  })

  test('sends the headers that the protocol version requires with every message', async () => {
    const server = await (name.endsWith('negotiation') ? serveV2() : serveV1())
    const { client, call } = newClient()
    const { transport } = await join(client, server)
    await call('echo')
    const headers = of(server, 'POST').map(request => request.headers)
    expect(headers[0]?.accept).toBe('application/json, text/event-stream')
    if (name.endsWith('negotiation')) {
      expect(headers).toMatchObject([
        { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' },
        { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
      ])
      expect(transport.sessionId).toBeUndefined()
      expect(of(server, 'GET')).toHaveLength(0)
    } else {
      expect(headers[0]?.['mcp-protocol-version']).toBeUndefined()
      for (const each of headers.slice(1)) {
        expect(each['mcp-protocol-version']).toBe('2025-11-25')
        expect(each['mcp-session-id']).toBe(transport.sessionId)
        expect(each['mcp-method']).toBeUndefined()
      }
    }
  })
})

test('a subscription of 2026-07-28 gets changes, and is told when its stream ends', async () => {
  const server = await serveV2()
  const client = newV2('auto')
  await join(client, server)
  const changed = vi.fn()
  client.setNotificationHandler('notifications/tools/list_changed', changed)
  const subscription = await client.listen({ toolsListChanged: true })
  server.changed()
  await vi.waitUntil(() => changed.mock.calls.length === 1)
  for (const response of server.open) response.destroy()
  expect(await subscription.closed).toBe('remote')
  expect(of(server, 'GET')).toHaveLength(0)
})

test('a name that a header cannot hold is encoded', async () => {
  const { transport, server } = await started(({ id }, response) => json(response, result(id)))
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
  for (const name of ['grüße', ' x', '=?base64?eA==?=', 'plain name'])
    await transport.send(
      { jsonrpc: '2.0', id: name, method: 'tools/call', params: { name, _meta } },
      {
        headers: { 'Mcp-Param-City': 'Köln'.normalize('NFKD').replace(/\W/g, ''), 'Mcp-Name': 'x' },
      },
    )
  expect(server.received.map(({ headers }) => headers['mcp-name'])).toEqual([
    '=?base64?Z3LDvMOfZQ==?=',
    '=?base64?IHg=?=',
    '=?base64?PT9iYXNlNjQ/ZUE9PT89?=',
    'plain name',
  ])
  expect(server.received[0]?.headers['mcp-param-city']).toBe('Koln')
})

describe('a request whose stream ends before the response', () => {
  test.each<[string, (response: ServerResponse) => unknown]>([
    ['ends', response => events(response).end()],
    ['breaks off', response => events(response).write(': ka\n\n', () => response.destroy())],
    ['ends within an event', response => events(response).end('data: {"js')],
    ['falls silent', response => events(response)],
  ])('fails at once when the stream %s and its events had no ids', async (_, end) => {
    const { transport, messages, log, server } = await started((__, r) => end(r), {
      heartbeatTimeoutMs: 300,
    })
    await transport.send(call(1))
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toMatchObject([
      {
        id: 1,
        error: {
          code: -32000,
          data: { reason: 'outcome-unknown', lost: 'stream', retrySafe: false },
        },
      },
    ])
    expect(log).toEqual(['message'])
    expect(server.received).toHaveLength(1)
  })

  test('fails at once under 2026-07-28, with and without event ids', async () => {
    const { transport, messages, server } = await started((_, r) =>
      events(r).end('id: 1\ndata:\n\n'),
    )
    const params = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
    await transport.send({ ...call(1), params })
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toMatchObject([
      { id: 1, error: { data: { reason: 'outcome-unknown', lost: 'stream' } } },
    ])
    expect(server.received).toHaveLength(1)
  })

  test('is resumed at the same event when the resumption breaks before any event', async () => {
    const ids: unknown[] = []
    const { transport, messages } = await started(
      (_, response) => events(response).end('id: 7\ndata:\n\n'),
      {},
      ({ headers }, response) => {
        ids.push(headers['last-event-id'])
        if (ids.length === 1) return response.destroy()
        if (ids.length === 2) return response.writeHead(503).end()
        if (ids.length === 3) return response.writeHead(409).end()
        if (ids.length === 4) return events(response).end()
        return events(response).end(`id: 8\ndata: ${JSON.stringify(result(1))}\n\n`)
      },
    )
    const tokens: string[] = []
    await transport.send(call(1), { onresumptiontoken: token => tokens.push(token) })
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toEqual([result(1)])
    expect(ids).toEqual(['7', '7', '7', '7', '7'])
    expect(tokens).toEqual(['7', '8'])
  })

  test.each([400, 403, 404, 405])('fails when the rest is refused with %i', async status => {
    const { transport, messages, log } = await started(
      (_, response) => events(response).end('id: 7\ndata:\n\n'),
      {},
      (__, response) => response.writeHead(status).end(),
    )
    await transport.send(call(1))
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toMatchObject([
      { id: 1, error: { data: { reason: 'outcome-unknown', lost: 'stream' } } },
    ])
    expect(log).toEqual(['message'])
  })

  test('is given up after ten resumptions', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0) // the shortest delays there are
    onTestFinished(() => void vi.restoreAllMocks())
    const { transport, messages, server } = await started(
      (_, response) => events(response).end('retry: 0\nid: 7\ndata:\n\n'),
      {},
      (_, response) => events(response).end('id: 7\ndata:\n\n'),
    )
    await transport.send(call(1))
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toMatchObject([
      { id: 1, error: { data: { reason: 'outcome-unknown', lost: 'stream' } } },
    ])
    expect(of(server, 'GET')).toHaveLength(10)
  })

  test('is resumed in a new process, under its new id', async () => {
    const { transport, messages, server } = await started(
      () => {},
      {},
      (_, response) => events(response).end(`data: ${JSON.stringify(result('old'))}\n\n`),
    )
    await transport.send(call('new'), { resumptionToken: '7' })
    await vi.waitUntil(() => messages.length === 1)
    expect(messages).toEqual([result('new')])
    expect(server.received).toMatchObject([{ method: 'GET', headers: { 'last-event-id': '7' } }])
  })
})

describe('the stream of the server’s own messages', () => {
  const initialized: JsonRpcMessage = { jsonrpc: '2.0', method: 'notifications/initialized' }

  test.each([
    [405, 0],
    [400, 1],
    [403, 1],
  ])('is not requested again when it is refused with %i', async (status, failures) => {
    const { transport, errors, server, log } = await started(
      (_, response) => response.writeHead(202).end(),
      {},
      (_, response) => response.writeHead(status).end(),
    )
    await transport.send(initialized)
    await vi.waitUntil(() => of(server, 'GET').length === 1 && server.open.size === 0)
    await transport.send(initialized).catch(() => {})
    await vi.waitUntil(() => of(server, 'GET').length === 2 && errors.length === failures * 2)
    expect(log).not.toContain('close')
  })

  test('is opened again after each end, until the transport is closed', async () => {
    const { transport, server, log } = await started(
      (_, response) => response.writeHead(202).end(),
      {},
      (_, response) => events(response).end('retry: 0\n\n'),
    )
    await transport.send(initialized)
    await vi.waitUntil(() => of(server, 'GET').length > 2, { timeout: 20_000 })
    expect(log).toEqual([])
    await transport.close()
    expect(log).toEqual(['close'])
  })

  test('is opened again once a message has had credentials, and not before', async () => {
    let hasExpired = true
    const { transport, server, errors } = await started(
      (_, response) => response.writeHead(202).end(),
      {},
      (_, response) =>
        hasExpired
          ? response.writeHead(403, { 'x-amzn-errortype': 'ExpiredTokenException' }).end()
          : events(response).write(': ka\n\n'),
    )
    await transport.send(initialized)
    await vi.waitUntil(() => errors.length === 1)
    expect(errors).toMatchObject([{ code: 'expired_token' }])
    hasExpired = false
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
    await vi.waitUntil(() => of(server, 'GET').length === 2)
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
    expect(of(server, 'GET')).toHaveLength(2)
  })

  test('keeps the process alive, also while it is opened again', async () => {
    let streams = 0
    const server = await serve(({ method }, response) => {
      if (method !== 'GET') return response.writeHead(202).end()
      const { jsonrpc } = initialized
      events(response).end(
        streams++ ? `data: ${JSON.stringify({ jsonrpc, method: 'second' })}\n\n` : 'retry: 300\n\n',
      )
    })
    const program = `
      import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
      const [url, options, initialized] = JSON.parse(process.argv[1])
      const transport = new SigV4StreamableHttpTransport(url, options)
      transport.onmessage = ({ method }) => {
        console.log(method)
        void transport.close()
      }
      await transport.start()
      await transport.send(initialized)`
    const given = JSON.stringify([server.url, signing, initialized])
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', program, given],
      { cwd: fileURLToPath(new URL('..', import.meta.url)) },
    )
    expect(stdout).toBe('second\n')
  })

  test('is closed before the session is ended', async () => {
    const { transport, server, log } = await started(
      ({ id }, response) =>
        id === undefined
          ? response.writeHead(202).end()
          : response
              .writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 's' })
              .end(JSON.stringify(result(id))),
      {},
      async ({ method }, response) => {
        if (method === 'GET') return events(response).write(': ka\n\n')
        await vi.waitUntil(() => server.open.size === 1)
        return response.writeHead(405).end() // a server may keep sessions until they expire
      },
    )
    await transport.send({ jsonrpc: '2.0', id: 1, method: 'initialize' })
    await transport.send(initialized)
    await vi.waitUntil(() => server.open.size === 1)
    expect(transport.sessionId).toBe('s')
    await transport.terminateSession()
    expect(transport.sessionId).toBeUndefined()
    expect(log).toEqual(['message'])
  })

  test('is resumed after the last event', async () => {
    const ids: unknown[] = []
    const { transport, messages } = await started(
      (_, response) => response.writeHead(202).end(),
      {},
      ({ headers }, response) => {
        ids.push(headers['last-event-id'])
        const message = JSON.stringify({ jsonrpc: '2.0', method: `n${ids.length}` })
        events(response).write(`id: ${ids.length}\ndata: ${message}\n\n`)
        if (ids.length < 3) response.end()
      },
    )
    await transport.send(initialized)
    await vi.waitUntil(() => messages.length === 3)
    expect(ids).toEqual([undefined, '1', '2'])
  })
})

describe('send', () => {
  test.each<[string, (response: ServerResponse) => unknown, object]>([
    ['202', r => r.writeHead(202).end(), { code: 'invalid_response' }],
    [
      'a web page',
      r => r.writeHead(200, { 'content-type': 'text/html' }).end('<h1>'),
      { code: 'invalid_response' },
    ],
    ['what is not JSON', r => json(r, undefined, '{oops'), { code: 'invalid_response' }],
    ['another response', r => json(r, result(99)), { code: 'invalid_response' }],
    [
      'half a response',
      r =>
        r.writeHead(200, { 'content-type': 'application/json' }).write('{"id', () => r.destroy()),
      { code: 'connection_failed', retryable: false },
    ],
    ['404', r => r.writeHead(404).end(), { code: 'request_refused', status: 404 }],
    ['500', r => r.writeHead(500).end(), { code: 'server_error', retryable: false }],
    ['403', r => r.writeHead(403).end(), { code: 'access_denied' }],
    ['a reset', r => r.destroy(), { code: 'connection_failed', retryable: false }],
    [
      '429 with a long Retry-After',
      r => r.writeHead(429, { 'retry-after': '60' }).end(),
      { code: 'rate_limited', retryable: true },
    ],
    [
      'a redirect',
      r => r.writeHead(308, { location: '/elsewhere' }).end(),
      { code: 'redirect_refused' },
    ],
  ])(
    'rejects when the response to a request is %s, and sends once',
    async (_, respond, expected) => {
      const { transport, server, log } = await started((__, response) => respond(response))
      await expect(transport.send(call(1))).rejects.toMatchObject(expected)
      expect(server.received).toHaveLength(1)
      expect(log).not.toContain('close')
    },
  )

  test('waits for a rate limit', async () => {
    let refusals = 2
    const { transport, server, messages } = await started(({ id }, response) =>
      refusals-- > 0 ? response.writeHead(429).end() : json(response, result(id)),
    )
    await transport.send(call(1))
    expect(messages).toEqual([result(1)])
    expect(server.received).toHaveLength(3)
  })

  test('waits for a rate limit of the gateway as long as it says, up to the timeout', async () => {
    const pauses: number[] = []
    const refuse = (response: ServerResponse) =>
      response
        .writeHead(429, { 'retry-after': '30' })
        .end(JSON.stringify({ error: { code: 'rate_limited', message: 'Too many calls' } }))
    const { transport, server } = await started((_, response) => refuse(response), {
      onPause: ({ code }, pauseMs) => {
        expect(code).toBe('rate_limited')
        pauses.push(pauseMs)
      },
    })
    const timeout = new AbortController()
    const sending = transport.send(call(1), { requestSignal: timeout.signal })
    await vi.waitUntil(() => pauses.length === 1)
    timeout.abort()
    await expect(sending).rejects.toMatchObject({ code: 'connection_closed' })
    expect(pauses[0]).toBeGreaterThanOrEqual(30_000)
    expect(server.received).toHaveLength(1)
  })

  test('delivers a JSON-RPC error that has an HTTP status of its own', async () => {
    const error = { code: -32601, message: 'Method not found' }
    const { transport, messages } = await started(({ id }, response) =>
      response.writeHead(404).end(JSON.stringify({ jsonrpc: '2.0', id, error })),
    )
    await transport.send(call(1))
    expect(messages).toEqual([{ jsonrpc: '2.0', id: 1, error }])
  })

  test('delivers a batch', async () => {
    const other = { jsonrpc: '2.0', method: 'x' }
    const { transport, messages } = await started(({ id }, response) =>
      json(response, [other, result(id)]),
    )
    await transport.send(call(1))
    expect(messages).toEqual([other, result(1)])
  })

  test('does not wait for the end of a 202', async () => {
    const { transport } = await started((_, response) => response.writeHead(202).write('Acc'))
    await transport.send({ jsonrpc: '2.0', method: 'notifications/x' })
  })

  test('rejects when a notification is not accepted in time, and does not limit a request', async () => {
    let respond: (() => void) | undefined
    const { transport, messages } = await started(
      ({ id }, response) => {
        if (id !== undefined) respond = () => json(response, result(id))
      },
      { sendTimeoutMs: 100 },
    )
    const asking = transport.send(call(1))
    await expect(transport.send({ jsonrpc: '2.0', method: 'x' })).rejects.toMatchObject({
      code: 'timeout',
    })
    await vi.waitUntil(() => respond)
    respond?.()
    await asking
    expect(messages).toEqual([result(1)])
  })

  test('is aborted by the signal of the request, which aborts nothing else', async () => {
    const { transport, server, log } = await started((_, response) =>
      events(response).write(': ka\n\n'),
    )
    const one = new AbortController()
    const onRequestStreamEnd = vi.fn()
    await transport.send(call(1), { requestSignal: one.signal, onRequestStreamEnd })
    await transport.send(call(2))
    one.abort()
    await vi.waitUntil(() => server.open.size === 1)
    expect(onRequestStreamEnd).not.toHaveBeenCalled()
    expect(log).toEqual([])
  })

  test('calls onRequestStreamEnd instead of a response where it is given', async () => {
    const { transport, log } = await started((_, response) => events(response).end())
    const onRequestStreamEnd = vi.fn()
    await transport.send(call(1), { onRequestStreamEnd })
    await vi.waitUntil(() => onRequestStreamEnd.mock.calls.length > 0)
    expect(onRequestStreamEnd).toHaveBeenCalledOnce()
    expect(log).toEqual([])
  })

  test('rejects for every open request when the transport is closed', async () => {
    const { transport, server, log } = await started(({ id }, response) =>
      id === 1 ? undefined : events(response).write('id: 1\ndata:\n\n'),
    )
    const sending = transport.send(call(1))
    const onRequestStreamEnd = vi.fn()
    await transport.send(call(2), { onRequestStreamEnd })
    await vi.waitUntil(() => server.open.size === 2)
    await transport.close()
    await transport.close()
    await expect(sending).rejects.toMatchObject({ code: 'connection_closed' })
    await expect(transport.send(call(3))).rejects.toMatchObject({
      message: 'Not sent. The transport was closed',
    })
    await vi.waitUntil(() => server.open.size === 0)
    expect(log).toEqual(['close'])
    expect(onRequestStreamEnd).not.toHaveBeenCalled()
  })

  test('needs start(), which is possible only once', async () => {
    const transport = new SigV4StreamableHttpTransport('http://127.0.0.1:1', signing)
    await expect(transport.send(call(1))).rejects.toMatchObject({ code: 'connection_closed' })
    await transport.start()
    await expect(transport.start()).rejects.toThrow('make a new SigV4StreamableHttpTransport')
    await expect(transport.send(call(1))).rejects.toMatchObject({ code: 'connection_failed' })
  })
})

describe('connect', () => {
  test.each(SDKS)(
    'uses Streamable HTTP where the server has it, with the client of %s',
    async (_, newClient) => {
      const { url } = await serveV1()
      const { client, call: callTool } = newClient()
      onTestFinished(() => client.close())
      for (const given of [url, `${url}/sse`, `${url}/mcp/`]) {
        const transport = await connect(client, given, signing)
        expect(transport).toBeInstanceOf(SigV4StreamableHttpTransport)
        expect(await callTool('echo')).toMatchObject(echoed)
        await client.close()
      }
    },
  )

  test.each(SDKS)(
    'falls back to HTTP+SSE where the server has no /mcp, with the client of %s',
    async (_, newClient) => {
      const { url } = await serveOldGateway()
      const { client, call: callTool } = newClient()
      onTestFinished(() => client.close())
      expect(await connect(client, url, signing)).toBeInstanceOf(SigV4SseTransport)
      expect(await callTool('echo')).toMatchObject(echoed)
    },
  )

  test('does not fall back when access is denied', async () => {
    const server = await serve((_, response) => response.writeHead(403).end())
    await expect(connect(newV1(), server.url, signing)).rejects.toMatchObject({
      code: 'access_denied',
    })
    expect(server.received.map(({ target }) => target)).toEqual(['/mcp'])
  })
})

test('the transport has the types of both SDKs', () => {
  const transport = new SigV4StreamableHttpTransport('https://abc.lambda-url.us-east-1.on.aws')
  const one: TransportV1 = transport
  const two: TransportV2 = transport
  expect(one.sessionId).toBeUndefined()
  expect(two.hasPerRequestStream).toBe(true)
})

test('the constructor checks the URL', () => {
  expect(() => new SigV4StreamableHttpTransport('http://example.com')).toThrow('not https')
  expect(() => new SigV4StreamableHttpTransport('https://me:hunter2@example.com')).toThrow(
    expect.objectContaining({
      code: 'invalid_url',
      message: expect.not.stringContaining('hunter2'),
    }),
  )
  expect(() => new SigV4StreamableHttpTransport('example.com')).toThrow('Not an absolute URL')
})

const call = (id: string | number) => ({ jsonrpc: '2.0', id, method: 'tools/call' }) as const
const result = (id: unknown) => ({ jsonrpc: '2.0', id, result: {} })
const of = ({ received }: LoopbackServer, method: string) =>
  received.filter(request => request.method === method)
const bodies = (server: LoopbackServer) =>
  of(server, 'POST').map(({ body }) => JSON.parse(body.toString()) as Message)

const events = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  return response
}
const json = (response: ServerResponse, value: unknown, text = JSON.stringify(value)) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(text)

/**
 * A started transport, with a log of what it calls, and a server that does with each message what
 * it is told.
 */
async function started(
  post: (message: Message, response: ServerResponse) => unknown,
  options: TransportOptions = {},
  get: (request: Received, response: ServerResponse) => unknown = (_, r) => r.writeHead(405).end(),
) {
  const server = await serve((request, response) => {
    if (refusalOf(request, KEY)) return response.writeHead(403).end()
    return request.method === 'POST'
      ? post(JSON.parse(request.body.toString()), response)
      : get(request, response)
  })
  const transport = new SigV4StreamableHttpTransport(server.url, { ...signing, ...options })
  onTestFinished(() => transport.close())
  const log: ('message' | 'error' | 'close')[] = []
  const messages: JsonRpcMessage[] = []
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
  await transport.start()
  return { server, transport, log, messages, errors }
}

async function join(client: Client, { url }: LoopbackServer) {
  const closed = vi.fn()
  const failed = vi.fn()
  const transport = new SigV4StreamableHttpTransport(url, signing)
  transport.onclose = closed // both SDKs call the handlers that are there before theirs
  transport.onerror = failed
  onTestFinished(() => client.close())
  await client.connect(transport)
  return { transport, closed, failed }
}

/** Speaks HTTP+SSE only. */
async function serveOldGateway(): Promise<LoopbackServer> {
  return startGateway({
    message: ({ target }, response) => {
      response.writeHead(target === '/mcp' ? 404 : 202).end()
      return target !== '/mcp'
    },
  })
}
