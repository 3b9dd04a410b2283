import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { send, sign } from '../packages/server/test/local/signed-request.ts'
import { connect } from './support/clients.ts'
import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import {
  initialize,
  messagesIn,
  openRaw,
  postMcp,
  postRaw,
  type RawStream,
} from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway()
})
afterAll(() => gateway.close())

const json = { 'content-type': 'application/json' }
const deep = '['.repeat(100_000) + ']'.repeat(100_000)
/** Lambda has it decoded, with U+FFFD in place of the byte. */
const notUtf8 = Buffer.from('{"jsonrpc":"2.0","id":"\xff","method":"ping"}', 'latin1')
const message = (it: unknown) => JSON.stringify(it)

describe('POST /message', () => {
  // Tests share one stream, because every /sse stream holds a process until its idle time-out.
  let stream: RawStream
  let pings = 0
  beforeAll(async () => {
    stream = await openRaw(gateway)
    await postRaw(gateway, stream.endpoint, initialize)
    await stream.read(/"serverInfo"/)
  })
  afterAll(() => stream.close())

  /**
   * Sends a request that must not reach the session, and checks that the session works
   * afterwards.
   */
  const send = async (body: BodyInit, headers: Record<string, string>, query?: string) => {
    const target = new URL(query ?? stream.endpoint, gateway.mcpUrl)
    const response = await gateway.fetch()(target, { method: 'POST', headers, body })
    const id = `ping ${++pings}`
    const ping = { jsonrpc: '2.0', id, method: 'ping' }
    expect((await postRaw(gateway, stream.endpoint, ping)).status).toBe(202)
    const text = await stream.read(new RegExp(`"id":"${id}"`))
    expect(text.match(/event: message/g), 'the responses to initialize and pings').toHaveLength(
      1 + pings,
    )
    return response
  }

  test.each<[string, BodyInit, Record<string, string>, number, string | number]>([
    ['an empty body', '', json, 400, 'bad_request'],
    ['white space', '  \n', json, 400, 'bad_request'],
    ['text that is not JSON', '{"jsonrpc":', json, 400, 'bad_request'],
    ['JSON nested 100,000 deep', deep, json, 400, 'bad_request'],
    ['a batch', message([initialize]), json, 400, -32_600],
    ['a string', '"ping"', json, 400, -32_600],
    ['null', 'null', json, 400, -32_600],
    ['another protocol', message({ jsonrpc: '1.0', id: 1, method: 'ping' }), json, 400, -32_600],
    [
      'a method that is not text',
      message({ jsonrpc: '2.0', id: 1, method: 7 }),
      json,
      400,
      -32_600,
    ],
    [
      'params that are a list',
      message({ jsonrpc: '2.0', id: 1, method: 'ping', params: [1] }),
      json,
      400,
      -32_600,
    ],
    [
      'an id that is an object',
      message({ jsonrpc: '2.0', id: {}, method: 'ping' }),
      json,
      400,
      -32_600,
    ],
    ['binary', new Uint8Array([0xff, 0xfe, 0x00, 0x80]), json, 400, 'bad_request'],
    ['text that is not UTF-8', notUtf8, json, 400, 'bad_request'],
    ['another JSON', '{}', { 'content-type': 'application/x+json' }, 415, 'unsupported_media_type'],
    ['binary without a type', new Uint8Array([0xff, 0x00]), {}, 415, 'unsupported_media_type'],
    ['text', 'ping', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
  ])('refuses %s and keeps the session', async (_, body, headers, status, code) => {
    const response = await send(body, headers)
    expect(response.status).toBe(status)
    // JSON that is no message gets a JSON-RPC error. Everything before that is no JSON-RPC yet.
    const refused =
      typeof code === 'number'
        ? { jsonrpc: '2.0', error: { code, message: expect.any(String) } }
        : { error: { code, message: expect.any(String), requestId: expect.any(String) } }
    expect(await response.json()).toMatchObject(refused)
  })

  test('refuses 7 MB', async () => {
    const response = await send(
      message({ jsonrpc: '2.0', id: 1, method: 'ping', params: { x: 'x'.repeat(7e6) } }),
      json,
    )
    expect(response.status).toBe(413)
  })

  test.each([
    ['no session', '/message', 400],
    ['an empty session', '/message?sessionId=', 400],
    ['an unknown session', `/message?sessionId=${'x'.repeat(24)}`, 404],
    ['a session id that is none', '/message?sessionId=..%2F..%2F%00', 404],
    ['an endless session id', `/message?sessionId=${'x'.repeat(5000)}`, 404],
  ])('refuses %s', async (_, query, status) => {
    const response = await send(message(initialize), json, query)
    expect(response.status).toBe(status)
    expect((await response.json()).error.message).toContain('/')
  })

  test('accepts a message with a charset and a byte-order mark', async () => {
    const stream = await openRaw(gateway)
    const response = await gateway.fetch()(new URL(stream.endpoint, gateway.mcpUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: `\ufeff${message(initialize)}`,
    })
    expect(response.status).toBe(202)
    await stream.read(/serverInfo/)
    await stream.close()
  })
})

describe('POST /mcp', () => {
  test.each<[string, BodyInit, string, number, number]>([
    ['text that is not UTF-8', notUtf8, 'application/json', 400, -32_700],
    ['another JSON', message(initialize), 'application/x+json', 415, -32_000],
  ])('refuses %s', async (_, body, type, status, code) => {
    const headers = { 'content-type': type, accept: 'application/json, text/event-stream' }
    const target = new URL('mcp', gateway.mcpUrl)
    const response = await gateway.fetch()(target, { method: 'POST', headers, body })
    expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }])
  })

  // JavaScript cannot convert this value to a string.
  const name = [{ toString: 'x' }]
  test.each([
    ['tools/call', { name }],
    ['prompts/get', { name }],
    ['resources/read', { uri: name }],
    ['completion/complete', { ref: { type: 'ref/prompt', name }, argument: { name, value: name } }],
    ['subscriptions/listen', { notifications: { resourceSubscriptions: [name] } }],
    ['logging/setLevel', { level: name }],
  ])('refuses %s with an object that is no string', async (method, params) => {
    for (const revision of ['2026-07-28', '2025-11-25', '2025-03-26']) {
      const _meta = {
        'io.modelcontextprotocol/protocolVersion': revision,
        'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      }
      const message = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }
      const headers = { 'mcp-protocol-version': revision, 'mcp-method': method }
      const response = await postMcp(gateway, message, { headers })
      const [answer] = await messagesIn(response)
      expect(response.status, `${revision} ${JSON.stringify(answer)}`).toBeLessThan(500)
      expect(answer?.error?.code, `${revision} ${JSON.stringify(answer)}`).not.toBe(-32_603)
      expect(answer?.error?.message).toEqual(expect.any(String))
    }
  })

  test('accepts U+FFFD in UTF-8', async () => {
    const ping = { jsonrpc: '2.0', id: '\ufffd', method: 'ping' }
    const [answer] = await messagesIn(await postMcp(gateway, ping))
    expect(answer).toMatchObject({ id: '\ufffd', result: {} })
  })
})

describe('any other request', () => {
  test.each([
    ['GET', '/', 404, 'not_found'],
    ['GET', '/nope', 404, 'not_found'],
    ['GET', '/sse/more', 404, 'not_found'],
    ['GET', '/message', 405, 'method_not_allowed'],
    ['POST', '/sse', 405, 'method_not_allowed'],
    ['DELETE', '/health', 405, 'method_not_allowed'],
    ['PATCH', '/sse', 405, 'method_not_allowed'],
    ['OPTIONS', '/mcp', 405, 'method_not_allowed'],
    ['GET', '/%E0%A4%A', 404, 'not_found'],
    ['GET', '/sse%00', 404, 'not_found'],
  ])('%s %s gets an error that names the endpoints', async (method, path, status, code) => {
    const response = await gateway.fetch()(new URL(path, gateway.mcpUrl), { method })
    expect(response.status).toBe(status)
    const { error } = await response.json()
    expect(error).toMatchObject({ code, message: expect.stringContaining('/sse') })
    if (status === 405) expect(response.headers.get('allow')).toBeTruthy()
  })

  test('GET /health returns the versions, and all these protocol versions are served', async () => {
    const response = await gateway.fetch()(new URL('health', gateway.mcpUrl))
    const { status, version, protocolVersions } = await response.json()
    expect([status, version]).toEqual(['ok', expect.any(String)])
    const withInitialize = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07']
    expect(protocolVersions).toEqual(['2026-07-28', ...withInitialize])
    for (const protocolVersion of withInitialize) {
      const params = { ...initialize.params, protocolVersion }
      const [opened] = await messagesIn(await postMcp(gateway, { ...initialize, params }))
      expect(opened?.result).toMatchObject({ protocolVersion })
    }
    const { client } = await connect(
      gateway,
      'SDK 2.x, 2026-07-28',
      '/mcp over the official transport with our fetch',
    )
    expect((await client.listTools()).tools).toEqual([])
    await client.close()
  })

  test.each(['TRACE', 'PROPFIND', 'LOCK'])(
    '%s is 405 and names the methods that work',
    async method => {
      for (const [base, target] of [
        [gateway.mcpUrl, '/sse'],
        [gateway.mcpUrl, '/mcp'],
        [gateway.registrationUrl, '/register'],
      ] as const) {
        const { status, headers, body } = await send(base, await sign(base, { method, target }))
        expect(status, target).toBe(405)
        expect(headers.allow).toContain(target === '/mcp' ? 'DELETE' : 'GET')
        expect(JSON.parse(body).error.code).toBe('method_not_allowed')
      }
    },
  )

  test('a URL with a double slash before the path works', async () => {
    const response = await gateway.fetch()(`${gateway.mcpUrl}/health`)
    expect(response.status).toBe(200)
  })
})

describe('the registration function', () => {
  const send = (
    method: string,
    path: string,
    body?: BodyInit,
    headers: Record<string, string> = json,
  ) =>
    gateway.fetch()(new URL(path, gateway.registrationUrl), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })

  test.each<[string, BodyInit, Record<string, string>, number]>([
    ['an empty body', '', json, 400],
    ['text that is not JSON', '{', json, 400],
    ['deep JSON', deep, json, 400],
    ['a list', '[]', json, 400],
    ['null', 'null', json, 400],
    ['wrong types', message({ type: 'tool', name: 1, lambdaArn: {} }), json, 400],
    ['binary', new Uint8Array([0xff, 0xfe]), json, 400],
    ['text that is not UTF-8', notUtf8, json, 400],
    ['text', 'x', { 'content-type': 'text/plain' }, 415],
    ['7 MB', message({ type: 'tool', description: 'x'.repeat(7e6) }), json, 413],
  ])('refuses %s and stores nothing', async (_, body, headers, status) => {
    const response = await send('POST', '/register', body, headers)
    expect(response.status).toBe(status)
    const listed = await (await send('GET', '/register')).json()
    expect(listed.items).toEqual([])
  })

  test.each([
    ['GET', '/register/tool-nope', 404],
    ['DELETE', '/register/tool-nope', 404],
    ['GET', '/register/%E0%A4%A', 400],
    ['GET', '/nope', 404],
    ['PATCH', '/register', 405],
  ])('answers %s %s with %s', async (method, path, status) => {
    const response = await send(method, path)
    expect(response.status).toBe(status)
    expect((await response.json()).error.message).toBeTruthy()
  })

  test('refuses an invalid registration of the admin client and names the invalid field', async () => {
    const refused = gateway.admin.registerTool({
      name: 'bad',
      lambdaArn: functionArn('echo'),
      inputSchema: { type: 'object', properties: { a: { type: 'strng' } } },
    })
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_registration',
      status: 400,
      requestId: expect.any(String),
      issues: [{ path: expect.stringContaining('/inputSchema/properties/a') }],
    })
  })
})

test('a tool call works after all bad requests', async () => {
  await gateway.admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
  const { client } = await connect(gateway, 'SDK 2.x', '/sse over our transport')
  expect((await client.callTool({ name: 'echo' })).isError).toBeFalsy()
  await client.close()
})
