import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'

import { piecesWritten, startFixture } from './fixture.ts'
import { get, open, send, sign } from './signed-request.ts'

/** 64 MiB: far more than all the buffers on the way. */
const MANY = { target: '/many?1024' }

describe('a URL with RESPONSE_STREAM', () => {
  test('sends status, headers and cookies of the prelude, and the body after it', async () => {
    const { mcpUrl } = await startFixture()
    const answer = await get(mcpUrl, '/stream?a=1')
    expect(answer).toMatchObject({
      status: 201,
      headers: { 'content-type': 'text/event-stream', 'set-cookie': ['a=b; HttpOnly', 'c=d'] },
      body: 'data: 0\n\ndata: a=1\n\n',
    })
    expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('passes each piece on as it comes', async () => {
    const { mcpUrl } = await startFixture()
    const response = await open(mcpUrl, await sign(mcpUrl, { target: '/never-ends' }))
    const { value: first } = await response.iterator().next()
    expect(String(first)).toBe('open')
    response.destroy()
  })

  test('sends the head as soon as it has it', async () => {
    const { mcpUrl } = await startFixture()
    const response = await open(mcpUrl, await sign(mcpUrl, { target: '/head-only' }))
    expect(response.statusCode).toBe(203)
    response.destroy()
  })

  test('without a prelude answers 200 with the content type of the stream', async () => {
    const { mcpUrl } = await startFixture()
    expect(await get(mcpUrl, '/raw')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: 'raw',
    })
    expect(await get(mcpUrl, '/objects')).toMatchObject({
      headers: { 'content-type': 'application/octet-stream' },
      body: '{"a":1}\n',
    })
  })

  test('loses the head of a response that was ended without a write, and says so', async () => {
    const local = await startFixture()
    const answer = await get(local.mcpUrl, '/end-only')
    expect(answer).toMatchObject({ status: 200, body: 'lost' })
    expect(local.logged('call write() on the response stream before end()')).toBe(true)
  })

  test('warns of an empty body', async () => {
    const local = await startFixture()
    expect(await get(local.mcpUrl, '/empty-write')).toMatchObject({
      status: 202,
      headers: { 'x-seen': 'yes' },
      body: '',
    })
    expect(local.logged('write at least one byte')).toBe(true)
  })

  test.each(['throw-before', 'silent', 'busy', 'exit', 'bad-head'])(
    'answers 502 to %s',
    async name => {
      const { mcpUrl } = await startFixture()
      expect(await get(mcpUrl, `/${name}`)).toMatchObject({
        status: 502,
        headers: { 'content-type': 'application/json' },
        body: 'Internal Server Error',
      })
    },
  )

  test.each(['throw-later', 'late-type', 'exit-later', 'never-ends'])(
    'cuts the connection when it fails after the first byte: %s',
    async name => {
      const { mcpUrl } = await startFixture()
      const response = await open(mcpUrl, await sign(mcpUrl, { target: `/${name}` }))
      expect(response.statusCode).toBe(200)
      let received = ''
      const read = async () => {
        for await (const chunk of response) received += chunk
      }
      await expect(read()).rejects.toThrow('aborted')
      expect(received).not.toBe('')
    },
  )

  test('sends the result of a handler that does not stream as it is', async () => {
    const local = await startFixture({}, { mcp: { handler: 'buffered.handler' } })
    const { status, body } = await get(local.mcpUrl, '/full')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ statusCode: 201, body: 'body' })
    expect(local.logged('without streamifyResponse')).toBe(true)
  })

  test('lets the function run on when the client has left', async () => {
    const local = await startFixture()
    const response = await open(local.mcpUrl, await sign(local.mcpUrl, { target: '/ticks?20' }))
    response.destroy()
    await vi.waitUntil(() => local.logged('ticked to the end'), { timeout: 5_000 })
    expect(local.logged('throw')).toBe(false)
  })

  test('lets the function run on when the client leaves in the middle of more than buffers hold', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const response = await open(local.mcpUrl, await sign(local.mcpUrl, { target: '/many?512' }))
    await vi.waitUntil(() => local.logged('wrote 16'))
    response.destroy()
    await vi.waitUntil(() => local.logged('wrote all'), { timeout: 10_000 })
  })

  test('lets the function run on when the client leaves before the first byte', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const raw = await sign(local.mcpUrl, { target: '/many-late?512' })
    const abort = new AbortController()
    const headers = raw.headers as Record<string, string>
    const sent = fetch(new URL(raw.target, local.mcpUrl), { headers, signal: abort.signal })
    await vi.waitUntil(() => local.pids().length > 0)
    abort.abort()
    await expect(sent).rejects.toThrow()
    await vi.waitUntil(() => local.logged('wrote all'), { timeout: 10_000 })
  })

  test('makes the function wait for a slow client', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const response = await open(local.mcpUrl, await sign(local.mcpUrl, MANY))
    expect(await piecesWritten(local)).toBeLessThan(900)
    expect(await text(response)).toHaveLength(1024 * 65_536)
    await vi.waitUntil(() => local.logged('wrote all, waited too'))
  })
})

describe('a URL with BUFFERED', () => {
  test('unwraps status, headers, cookies and body', async () => {
    const { registrationUrl } = await startFixture()
    expect(await get(registrationUrl, '/full')).toMatchObject({
      status: 201,
      headers: { 'content-type': 'text/plain', 'x-number': '7', 'set-cookie': ['a=b', 'c=d'] },
      body: 'body',
    })
    expect((await get(registrationUrl, '/binary')).body).toBe(Buffer.from([0, 255, 1]).toString())
  })

  test('answers anything else with 200 and JSON', async () => {
    const { registrationUrl } = await startFixture()
    expect(await get(registrationUrl, '/value')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"some":"value"}',
    })
    expect((await get(registrationUrl, '/nothing')).body).toBe('null')
  })

  test.each(['throw', 'silent', 'exit', 'circular', 'bad-status', 'bad-body'])(
    'answers 502 to %s',
    async name => {
      const { registrationUrl } = await startFixture()
      expect(await get(registrationUrl, `/${name}`)).toMatchObject({
        status: 502,
        body: 'Internal Server Error',
      })
    },
  )

  test('keeps only the head of a handler that streams, and says so', async () => {
    const local = await startFixture({}, { registration: { handler: 'streaming.handler' } })
    expect(await get(local.registrationUrl, '/stream')).toMatchObject({ status: 201, body: '' })
    expect(local.logged('its body is lost')).toBe(true)
  })
})

test('the event has the form of payload format 2.0', async () => {
  const { mcpUrl, credentials } = await startFixture()
  const { host, port } = new URL(mcpUrl)
  const raw = await sign(mcpUrl, {
    method: 'POST',
    target: '/echo/a%20b%2fc?b=2&a=1&b=3&c=%20x',
    headers: {
      'content-type': 'application/json',
      cookie: 'k=v; l=w',
      'user-agent': 'tests',
      'X-Two': ['1', '2'].join(', '),
    },
    body: '{"a":"ä"}',
  })
  const answer = await send(mcpUrl, raw)
  const { event, requestId } = JSON.parse(answer.body)
  expect(event).toEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/echo/a%20b%2fc',
    rawQueryString: 'b=2&a=1&b=3&c=%20x',
    cookies: ['k=v', 'l=w'],
    headers: expect.objectContaining({
      host,
      'content-type': 'application/json',
      'x-two': '1, 2',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-port': port,
      'x-forwarded-proto': 'http',
      'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}/),
    }),
    queryStringParameters: { a: '1', b: '2,3', c: ' x' },
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      authentication: null,
      authorizer: {
        iam: {
          accessKey: credentials.accessKeyId,
          accountId: '000000000000',
          callerId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/),
          cognitoIdentity: null,
          principalOrgId: null,
          userArn: 'arn:aws:iam::000000000000:user/local',
          userId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/),
        },
      },
      domainName: host,
      domainPrefix: '127',
      http: {
        method: 'POST',
        path: '/echo/a b/c',
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: 'tests',
      },
      requestId: answer.headers['x-amzn-requestid'],
      routeKey: '$default',
      stage: '$default',
      time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
    },
    body: '{"a":"ä"}',
    pathParameters: null,
    isBase64Encoded: false,
    stageVariables: null,
  })
  expect(requestId).toBe(answer.headers['x-amzn-requestid'])
  for (const name of ['authorization', 'cookie', 'connection'])
    expect(event.headers).not.toHaveProperty(name)
})

test('a body that is no text arrives in base64', async () => {
  const { mcpUrl } = await startFixture()
  const body = Buffer.from([0, 200, 10])
  const post = async (type: Record<string, string>) => {
    const raw = await sign(mcpUrl, { method: 'POST', target: '/echo', headers: type, body })
    return JSON.parse((await send(mcpUrl, raw)).body).event
  }
  expect(await post({ 'content-type': 'image/png' })).toMatchObject({
    body: body.toString('base64'),
    isBase64Encoded: true,
  })
  expect(await post({})).toMatchObject({ body: body.toString('base64'), isBase64Encoded: true })
})

test('an assumed role shows its session, and the same principal id for each of its sessions', async () => {
  const session = (name: string) => ({
    accessKeyId: `ASIA${name.toUpperCase()}`,
    secretAccessKey: `secret of ${name}`,
    sessionToken: `token of ${name}`,
    arn: `arn:aws:sts::111122223333:assumed-role/agents/${name}`,
  })
  const sessions = [session('first'), session('second')]
  const { mcpUrl } = await startFixture({ principals: sessions })
  const seen = await Promise.all(
    sessions.map(async credentials => {
      const { body } = await get(mcpUrl, '/echo', { credentials })
      return JSON.parse(body).event.requestContext.authorizer.iam
    }),
  )
  expect(seen.map(iam => iam.userArn)).toEqual(sessions.map(({ arn }) => arn))
  expect(seen.map(iam => iam.accountId)).toEqual(['111122223333', '111122223333'])
  const [first, second] = seen.map(iam => iam.callerId.split(':'))
  expect(first).toEqual([expect.stringMatching(/^AROA[A-Z2-7]{17}$/), 'first'])
  expect(second).toEqual([first?.[0], 'second'])
})

test('a body of 6 MB is taken, a larger one is 413 and does not run the function', async () => {
  const calls: unknown[] = []
  const { mcpUrl } = await startFixture({ onInvocation: it => calls.push(it) })
  const post = async (size: number) =>
    send(
      mcpUrl,
      await sign(mcpUrl, { method: 'POST', target: '/raw', body: Buffer.alloc(size, 'a') }),
    )
  expect((await post(6 * 1024 * 1024)).status).toBe(200)
  expect(calls).toHaveLength(1)
  expect(await post(6 * 1024 * 1024 + 1)).toMatchObject({ status: 413 })
  expect(calls).toHaveLength(1)
})

test('a name in the Host header that is not ours is no URL of ours', async () => {
  const { mcpUrl } = await startFixture()
  const { port } = new URL(mcpUrl)
  const raw = await sign(`http://elsewhere.example:${port}/`, { target: '/raw' })
  expect(await send(mcpUrl, raw)).toMatchObject({ status: 403, body: '{"Message":null}' })
  const byName = await sign(`http://localhost:${port}/`, { target: '/raw' })
  expect(await send(mcpUrl, byName)).toMatchObject({ status: 200 })
})
