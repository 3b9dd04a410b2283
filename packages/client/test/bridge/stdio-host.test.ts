import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import {
  begin,
  hostEnvironment,
  initializeParams,
  SIGNED_ENVIRONMENT,
  startHost,
} from '../support/host.ts'
import { serveV1 } from '../support/sdk.ts'
import {
  event,
  limitedGateway,
  limitedRegistration,
  type Message,
  serve,
  startGateway,
} from '../support/server.ts'
import { KEY, refusalOf } from '../support/verifier.ts'

const eventually = <Value>(value: () => Value) => expect.poll(value, { timeout: 30_000 })

const JSON_TYPE = { 'content-type': 'application/json' }

const call = (id: string | number, name = 'echo', args: object = {}) => ({
  id,
  method: 'tools/call',
  params: { name, arguments: args },
})

/** Responds to a POST with the JSON that `respond` makes of the body's text. */
const serveJson = (respond: (body: string) => string) =>
  serve((request, response) => {
    const refused = refusalOf(request, KEY)
    if (refused) return response.writeHead(403).end(JSON.stringify({ Message: refused }))
    if (request.method !== 'POST') return response.writeHead(405).end()
    response.writeHead(200, JSON_TYPE)
    return response.end(respond(request.body.toString()))
  })

test.each([
  ['429', limitedGateway],
  ['-32000', limitedRegistration],
])('says on stderr that a call waits after %s, and passes the result on', async (code, start) => {
  const gateway = await start()
  const host = startHost(['--transport', 'sse', gateway.url])
  await begin(host)
  const args = '{"n":12345678901234567890.0}'
  const params = `{"name":"echo","arguments":${args}}`
  host.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}\n`)
  expect(await host.response(1)).toHaveProperty('result.content')
  const sent = gateway.received.filter(({ body }) => body.includes('tools/call'))
  expect(sent.map(({ body }) => body.includes(params))).toEqual([true, true])
  const told = new RegExp(`Waiting for \\d s: .* answered ${code}: Too many calls`)
  expect(host.stderr()).toMatch(told)
})

describe('what the host writes', () => {
  test('gets -32700 for garbage, and goes on', async () => {
    const server = await serveV1()
    const host = startHost([server.url])
    host.write('no JSON\n{"jsonrpc":"2.0"\n[]\n{"id":1}\n')
    host.write(Buffer.from([0x22, 0xff, 0x22, 0x0a]))
    await eventually(() => host.lines.length).toBe(5)
    const codes = host.lines.map(it => JSON.parse(it).error.code)
    expect(codes).toEqual([-32700, -32700, -32600, -32600, -32700])
    expect(await begin(host)).toMatchObject({ result: { serverInfo: { name: 'loopback' } } })
  })

  test('may name a tool by an object, which is an error of that request alone', async () => {
    const host = startHost([(await serveV1()).url])
    await begin(host)
    host.send({ id: 1, method: 'tools/call', params: { name: { toString: 1 } } })
    host.send(call(2))
    expect(await host.response(1)).toHaveProperty('error')
    expect(await host.response(2)).toHaveProperty('result')
  })

  test('may come in parts of characters, with CRLF and empty lines', async () => {
    const host = startHost([(await serveV1()).url])
    await begin(host)
    const line = Buffer.from(
      `\r\n\n${JSON.stringify({ jsonrpc: '2.0', ...call(1, 'echo', { text: 'é€😀' }) })}\r\n`,
    )
    for (const byte of line) host.write(Buffer.from([byte]))
    expect(await host.response(1)).toMatchObject({
      result: { content: [{ text: '{"text":"é€😀"}' }] },
    })
  })

  test('gets the responses to a batch as one array', async () => {
    const host = startHost([(await serveV1()).url])
    await begin(host)
    const batch = [{ ...call(1) }, { ...call(2) }].map(it => ({ jsonrpc: '2.0', ...it }))
    host.write(`${JSON.stringify([...batch, { jsonrpc: '2.0', id: null }])}\n`)
    await eventually(() => host.lines.at(-1)).toMatch(/^\[.*\]$/)
    const responses: { id: unknown }[] = JSON.parse(host.lines.at(-1) ?? '')
    expect(new Set(responses.map(it => it.id))).toEqual(new Set([1, 2, null]))
  })

  test('passes on with every digit, in both directions', async () => {
    const server = await serveJson(
      body =>
        `{"jsonrpc":"2.0","id":${JSON.parse(body).id},\n"result":{"big":98765432109876543210.0}}`,
    )
    const host = startHost([server.url])
    host.write(
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{"n":12345678901234567890,"m":1.0}}\n',
    )
    await host.response(1)
    expect(server.received[0]?.body.toString()).toContain('"n":12345678901234567890,"m":1.0')
    expect(host.lines).toEqual([
      '{"jsonrpc":"2.0","id":1, "result":{"big":98765432109876543210.0}}',
    ])
  })
})

describe('the end', () => {
  test('comes when stdin closes in mid-call, and the session ends on the server', async () => {
    const server = await serveV1()
    const host = startHost([server.url])
    await begin(host)
    host.send(call(1, 'wait'))
    await eventually(() => server.received.at(-1)?.body.toString()).toContain('"wait"')
    host.child.stdin?.end()
    expect(await host.exit).toBe(0)
    expect(server.received.at(-1)?.method).toBe('DELETE')
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('comes on %s', async (signal, code) => {
    const host = startHost([(await serveV1()).url])
    await begin(host)
    host.child.kill(signal)
    expect(await host.exit).toBe(code)
  })

  test('comes when a host that never reads closes stdin', async () => {
    const text = JSON.stringify('x'.repeat(300_000))
    const server = await serveJson(
      body => `{"jsonrpc":"2.0","id":${JSON.parse(body).id},"result":${text}}`,
    )
    const host = startHost([server.url], { reads: false })
    const flood = Array.from({ length: 20_000 }, (_, id) =>
      JSON.stringify({ jsonrpc: '2.0', id, method: 'x' }),
    )
    host.write(`${flood.join('\n')}\n`)
    await eventually(() => server.received.length).toBeGreaterThan(60)
    host.child.stdin?.end()
    expect(await host.exit).toBe(0)
    // 16 MiB wait for the host, and what 100 requests brought.
    expect(server.received.length).toBeLessThan(300)
  })

  test('comes when stdin closes while too many messages wait', async () => {
    const server = await serve(() => {})
    const host = startHost([server.url])
    host.send({ id: 'init', method: 'initialize', params: initializeParams() })
    const text = 'x'.repeat(8 * 1024 * 1024)
    for (let id = 0; id < 8; id++) host.send({ id, method: 'x', params: { text } })
    // The bridge is full in the middle of this one.
    host.send({ id: 8, method: 'x', params: { text: 'x'.repeat(100_000) } })
    host.child.stdin?.end()
    expect(await host.exit).toBe(0)
  })
})

describe('the log', () => {
  test('ends the bridge with 2 where its file cannot be written at the start', async () => {
    const host = startHost(['http://127.0.0.1:9', '--log-file', '/none/there'])
    expect(await host.exit).toBe(2)
    expect(host.stderr()).toContain('--log-file cannot be written')
  })

  test('goes to stderr where its file can no longer be written', async () => {
    const env = hostEnvironment()
    const file = join(env.HOME, 'log')
    const args = [(await serveV1()).url, '--log-level', 'debug', '--log-file', file]
    const host = startHost(args, { env })
    await begin(host)
    expect(readFileSync(file, 'utf8')).toContain('initialize')
    rmSync(file)
    mkdirSync(file)
    host.send(call(1))
    expect(await host.response(1)).toHaveProperty('result')
    await eventually(() => host.stderr()).toContain('tools/call')
  })

  test('shows no character of the server that controls a terminal', async () => {
    const server = await serve((_, response) => response.writeHead(400).end('a\x1b[2Jb'))
    const host = startHost([server.url, '--log-level', 'info', '--transport', 'http'])
    host.send(call(1))
    await host.response(1)
    await eventually(() => host.stderr()).toContain('a\ufffd[2Jb')
    expect(host.stderr()).not.toContain('\x1b')
  })

  test('may lose its reader', async () => {
    const host = startHost([(await serveV1()).url, '--log-level', 'debug'])
    await begin(host)
    host.child.stderr?.destroy()
    for (const id of [1, 2]) {
      host.send(call(id))
      expect(await host.response(id)).toHaveProperty('result')
    }
  })
})

describe('credentials', () => {
  const needed = async () => {
    const server = await serveV1()
    const env = hostEnvironment({ AWS_PROFILE: 'team', AWS_REGION: 'us-east-1' })
    const file = (name: string, text: string) => writeFileSync(join(env.HOME, name), text)
    const paths = {
      AWS_CONFIG_FILE: join(env.HOME, 'config'),
      AWS_SHARED_CREDENTIALS_FILE: join(env.HOME, 'credentials'),
    }
    return { url: server.url, env: { ...env, ...paths }, file, home: env.HOME }
  }
  const keys = (profile = 'team') =>
    `[${profile}]\naws_access_key_id=${KEY.accessKeyId}\naws_secret_access_key=${KEY.secretAccessKey}\n`

  test('that are missing make an error of each request, until the user has logged in', async () => {
    const { url, env, file } = await needed()
    file('config', '[profile team]\nsso_session = team\n')
    const host = startHost([url], { env })
    host.send({ id: 'init', method: 'initialize', params: initializeParams() })
    const { error } = await host.response('init')
    expect(error).toMatchObject({
      code: -32603,
      message: expect.stringContaining('aws sso login --profile team'),
      data: { code: 'no_credentials' },
    })

    file('config', '[profile team]\n')
    file('credentials', keys())
    host.send({ id: 'again', method: 'initialize', params: initializeParams() })
    expect(await host.response('again')).toHaveProperty('result')
  })

  test('that have expired make an error that says so, and new ones are read from the file', async () => {
    const { env, file } = await needed()
    const fresh = { ...KEY, sessionToken: 'new' }
    const server = await serve((request, response) => {
      if (refusalOf(request, fresh) === undefined)
        return response.writeHead(200, JSON_TYPE).end('{"jsonrpc":"2.0","id":2,"result":{}}')
      response.writeHead(403, { 'x-amzn-errortype': 'ExpiredTokenException' })
      return response.end('{"message":"The security token included in the request is expired"}')
    })
    file('config', '[profile team]\n')
    file('credentials', `${keys()}aws_session_token=old\n`)
    const host = startHost([server.url], { env })
    host.send({ id: 1, method: 'ping' })
    expect(await host.response(1)).toMatchObject({
      error: { code: -32603, data: { code: 'expired_token' } },
    })
    file('credentials', `${keys()}aws_session_token=new\n`)
    host.send({ id: 2, method: 'ping' })
    expect(await host.response(2)).toHaveProperty('result')
  })

  test('of a process do not take its input from the host', async () => {
    const { url, env, file, home } = await needed()
    const output = JSON.stringify({
      Version: 1,
      AccessKeyId: KEY.accessKeyId,
      SecretAccessKey: KEY.secretAccessKey,
    })
    // Reads its stdin to the end before it answers.
    writeFileSync(
      join(home, 'keys.mjs'),
      `process.stdin.resume().on('end', () => console.log(${JSON.stringify(output)}))`,
    )
    file(
      'config',
      `[profile team]\ncredential_process = "${process.execPath}" "${home}/keys.mjs"\n`,
    )
    const host = startHost([url], { env })
    expect(await begin(host)).toHaveProperty('result')
  })
})

test('falls back to HTTP+SSE, and begins the session again when it is lost', async () => {
  const gateway = await startGateway({
    message: (request, response, message) => {
      if (request.target.startsWith('/mcp')) return void response.writeHead(404).end()
      response.writeHead(202).end()
      return message.method !== 'hang'
    },
  })
  const host = startHost([gateway.url])
  await begin(host)
  host.send(call(1))
  await host.response(1)
  host.send({ id: 2, method: 'hang' })
  await eventually(() => gateway.messages.at(-1)?.method).toBe('hang')
  gateway.streams[0]?.end()
  expect(await host.response(2)).toMatchObject({ error: { data: { reason: 'outcome-unknown' } } })

  host.send(call(3))
  expect(await host.response(3)).toHaveProperty('result')
  const replayed = gateway.messages.slice(-3).map(it => it.method)
  expect(replayed).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
  expect(host.lines.filter(it => it.includes('serverInfo'))).toHaveLength(1)
})

test('says what to do where the server begins no other session, and restores one that it begins', async () => {
  let isFull = false
  const isRefused = ({ method }: Message) =>
    isFull ? method === 'initialize' : method === 'resources/subscribe'
  const gateway = await startGateway({
    message: (_, response, message) => {
      response.writeHead(202).end()
      const { id, method } = message
      if (gateway.streams.length > 1 && isRefused(message))
        gateway.write(event({ jsonrpc: '2.0', id, error: { code: -32603, message: 'Full' } }))
      else if (method === 'resources/subscribe') gateway.reply(id, {})
      else return true
    },
  })
  const host = startHost([gateway.url, '--transport', 'sse'])
  await begin(host)
  host.send({ id: 's', method: 'resources/subscribe', params: { uri: 'a:b' } })
  await host.response('s')
  isFull = true
  gateway.streams[0]?.end()
  await eventually(() => host.stderr()).toContain('refused to begin another')
  host.send(call(1))
  expect(await host.response(1)).toMatchObject({
    error: { data: { code: 'invalid_response', hint: 'Restart the server in the host.' } },
  })
  isFull = false
  host.send(call(2))
  expect(await host.response(2)).toHaveProperty('result')
  expect(host.stderr()).toContain('refused resources/subscribe a:b in it: Full')
})

test('fails a request at the time limit, and cancels it', async () => {
  const gateway = await startGateway({ call: () => {} })
  const host = startHost([gateway.url, '--transport', 'sse', '--timeout', '0.3'])
  await begin(host)
  host.send(call(1))
  expect(await host.response(1)).toMatchObject({ error: { code: -32001 } })
  await eventually(() => gateway.messages.at(-1)?.method).toBe('notifications/cancelled')
})

test('writes the progress of a call before its response', async () => {
  const host = startHost([(await serveV1()).url])
  await begin(host)
  const { params } = call(1, 'progress')
  host.send({ ...call(1), params: { ...params, _meta: { progressToken: 'p' } } })
  await host.response(1)
  const [progress, response] = host.lines.slice(-2)
  expect(progress).toContain('"progressToken":"p"')
  expect(response).toContain('"id":1')
})

test('passes notifications of the server on, and cancels what the host cancels', async () => {
  const gateway = await startGateway({ call: () => {} })
  const host = startHost([gateway.url, '--transport', 'sse'])
  await begin(host)
  host.send(call(1))
  await eventually(() => gateway.messages.at(-1)?.method).toBe('tools/call')
  host.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
  await eventually(() => gateway.messages.at(-1)?.method).toBe('notifications/cancelled')
  gateway.reply(1, { late: true })
  gateway.write(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }))
  await host.message(it => it.method === 'notifications/tools/list_changed')
  expect(host.lines.filter(it => it.includes('late'))).toEqual([])
})

test('signs for the local gateway with its published key where no AWS variable is set', async () => {
  const key = { secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
  const server = await serve((request, response) => {
    expect(refusalOf(request, key)).toBeUndefined()
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  const host = startHost([], { env: hostEnvironment({ MCP_URL: server.url }) })
  host.send({ id: 1, method: 'ping' })
  expect(await host.response(1)).toHaveProperty('result')
  expect(SIGNED_ENVIRONMENT.AWS_SECRET_ACCESS_KEY).not.toBe(key.secretAccessKey)
})

describe('2026-07-28', () => {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
  const stream = (text = '') =>
    serve((request, response) => {
      const refused = refusalOf(request, KEY)
      if (refused) return response.writeHead(403).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      return response.write(text)
    })

  test('ends the stream of a call that the host cancels', async () => {
    const server = await stream()
    const host = startHost([server.url])
    host.send({ id: 1, method: 'tools/call', params: { name: 'wait', _meta: meta } })
    await eventually(() => server.open.size).toBe(1)
    expect(server.received[0]?.headers['mcp-name']).toBe('wait')
    host.send({ method: 'notifications/cancelled', params: { requestId: 1 } })
    await eventually(() => server.open.size).toBe(0)
    expect(server.received).toHaveLength(1)
    expect(host.lines).toEqual([])
  })

  test('opens a subscription again when its stream breaks, and reports what was missed', async () => {
    const acknowledgement = {
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: {
        _meta: { 'io.modelcontextprotocol/subscriptionId': 's' },
        notifications: { toolsListChanged: true },
      },
    }
    const server = await stream(event(acknowledgement))
    const host = startHost([server.url])
    host.send({ id: 's', method: 'subscriptions/listen', params: { _meta: meta } })
    await eventually(() => host.lines.length).toBe(1)
    for (const response of server.open) response.destroy()
    await host.message(it => it.method === 'notifications/tools/list_changed')
    expect(host.lines).toHaveLength(2)

    host.send({ method: 'notifications/cancelled', params: { requestId: 's' } })
    await eventually(() => server.open.size).toBe(0)
    expect(server.received).toHaveLength(2)
  })
})

test('begins the MCP session again when the server has forgotten it', async () => {
  const server = await serveV1()
  const host = startHost([server.url])
  await begin(host)
  server.sessions.clear()
  host.send(call(1))
  expect(await host.response(1)).toHaveProperty('result')
  expect(host.lines.filter(it => it.includes('serverInfo'))).toHaveLength(1)
})
