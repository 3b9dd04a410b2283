import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'

import { piecesWritten, sharedFixture, startFixture, startSignal, until } from './fixture.ts'
import { get, type HttpResponse, open, send, sign } from './signed-request.ts'

/** 64 MiB: more than all buffers between the function and the client hold. */
const MANY = { target: '/many?pieces=1024' }

describe('a Function URL with RESPONSE_STREAM', () => {
  test('sends the status, headers and cookies of the prelude and then the body', async () => {
    const { mcpUrl } = await sharedFixture()
    const response = await get(mcpUrl, '/stream?a=1')
    expect(response).toMatchObject({
      status: 201,
      headers: { 'content-type': 'text/event-stream', 'set-cookie': ['a=b; HttpOnly', 'c=d'] },
      body: 'data: 0\n\ndata: a=1\n\n',
    })
    expect(response.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('forwards each chunk at once', async () => {
    const { mcpUrl } = await sharedFixture()
    const response = await open(mcpUrl, await sign(mcpUrl, { target: '/never-ends' }))
    const { value: first } = await response.iterator().next()
    expect(String(first)).toBe('open')
    response.destroy()
  })

  test('sends status and headers before the first body byte', async () => {
    const { mcpUrl } = await sharedFixture()
    const response = await open(mcpUrl, await sign(mcpUrl, { target: '/head-only' }))
    expect(response.statusCode).toBe(203)
    response.destroy()
  })

  test('responds with 200 and the content type of the stream if there is no prelude', async () => {
    const { mcpUrl } = await sharedFixture()
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

  test('loses status and headers of a response that ends without a write, and warns', async () => {
    const local = await sharedFixture()
    const response = await get(local.mcpUrl, '/end-only')
    expect(response).toMatchObject({ status: 200, body: 'lost' })
    expect(local.logged('call write() on the response stream before end()')).toBe(true)
  })

  test('warns about an empty body', async () => {
    const local = await sharedFixture()
    expect(await get(local.mcpUrl, '/empty-write')).toMatchObject({
      status: 202,
      headers: { 'x-seen': 'yes' },
      body: '',
    })
    expect(local.logged('write at least one byte')).toBe(true)
  })

  test.each(['throw-before', 'silent', 'busy', 'exit', 'bad-head'])(
    'responds with 502 to a failure before the first byte: %s',
    async name => {
      const { mcpUrl } = await sharedFixture()
      expect(await get(mcpUrl, `/${name}`)).toMatchObject({
        status: 502,
        headers: { 'content-type': 'application/json' },
        body: 'Internal Server Error',
      })
    },
  )

  test.each(['throw-later', 'late-type', 'exit-later', 'never-ends'])(
    'cuts the connection after a failure behind the first byte: %s',
    async name => {
      const { mcpUrl } = await sharedFixture()
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

  test('sends the output of a handler that does not stream as the body, and warns', async () => {
    const local = await sharedFixture({}, { mcp: { handler: 'buffered.handler' } })
    const { status, body } = await get(local.mcpUrl, '/full')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ statusCode: 201, body: 'body' })
    expect(local.logged('without streamifyResponse')).toBe(true)
  })

  test('the function runs on after its client has disconnected', async () => {
    const local = await startFixture()
    const response = await open(local.mcpUrl, await sign(local.mcpUrl, { target: '/ticks?20' }))
    response.destroy()
    await until(() => local.logged('ticked to the end'))
    expect(local.logged('throw')).toBe(false)
  })

  test('the function runs on after its client has disconnected during a large body', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const response = await open(
      local.mcpUrl,
      await sign(local.mcpUrl, { target: '/many?pieces=512' }),
    )
    await until(() => local.logged('wrote 16'))
    response.destroy()
    await until(() => local.logged('wrote all'))
  })

  test('the function runs on after its client has disconnected before the first byte', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const signal = await startSignal()
    const target = `/many-late?go=${encodeURIComponent(signal.file)}&pieces=512`
    const raw = await sign(local.mcpUrl, { target })
    const abort = new AbortController()
    const headers = raw.headers as Record<string, string>
    const sent = fetch(new URL(raw.target, local.mcpUrl), { headers, signal: abort.signal })
    await until(() => local.pids().length > 0)
    abort.abort()
    await expect(sent).rejects.toThrow()
    await signal.give()
    await until(() => local.logged('wrote all'))
  })

  test('applies the back-pressure of a slow client to the function', async () => {
    const local = await startFixture({}, { mcp: { timeout: 20 } })
    const response = await open(local.mcpUrl, await sign(local.mcpUrl, MANY))
    expect(await piecesWritten(local)).toBeLessThan(900)
    expect(await text(response)).toHaveLength(1024 * 65_536)
    await until(() => local.logged('wrote all, waited too'))
  })
})

describe('a Function URL with BUFFERED', () => {
  test('sends the status, headers, cookies and body of the output', async () => {
    const { registrationUrl } = await sharedFixture()
    expect(await get(registrationUrl, '/full')).toMatchObject({
      status: 201,
      headers: { 'content-type': 'text/plain', 'x-number': '7', 'set-cookie': ['a=b', 'c=d'] },
      body: 'body',
    })
    expect((await get(registrationUrl, '/binary')).body).toBe(Buffer.from([0, 255, 1]).toString())
  })

  test('sends any other output as JSON with 200', async () => {
    const { registrationUrl } = await sharedFixture()
    expect(await get(registrationUrl, '/value')).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"some":"value"}',
    })
    expect((await get(registrationUrl, '/nothing')).body).toBe('null')
  })

  test.each(['throw', 'silent', 'exit', 'circular', 'bad-status', 'bad-head', 'bad-body'])(
    'responds with 502 to a failed function and to an invalid output: %s',
    async name => {
      const { registrationUrl } = await sharedFixture()
      const response = await get(registrationUrl, `/${name}`)
      expect(response).toMatchObject({ status: 502, body: 'Internal Server Error' })
      expect(response.headers).not.toHaveProperty('x-amzn-remapped-date')
    },
  )

  test('loses the body of a handler that streams, and warns', async () => {
    const local = await sharedFixture({}, { registration: { handler: 'streaming.handler' } })
    expect(await get(local.registrationUrl, '/stream')).toMatchObject({ status: 201, body: '' })
    expect(local.logged('its body is lost')).toBe(true)
  })
})

test('the event has the form of payload format 2.0', async () => {
  const { mcpUrl, credentials } = await sharedFixture()
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
  const response = await send(mcpUrl, raw)
  const { event, requestId } = JSON.parse(response.body)
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
      requestId: response.headers['x-amzn-requestid'],
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
  expect(requestId).toBe(response.headers['x-amzn-requestid'])
  for (const name of ['authorization', 'cookie', 'connection'])
    expect(event.headers).not.toHaveProperty(name)
})

test('sends headers that AWS sets itself under another name', async () => {
  const { mcpUrl, registrationUrl } = await sharedFixture()
  expectRenamed(await get(mcpUrl, '/renamed'))
  expectRenamed(await get(registrationUrl, '/renamed'))
})

test('with AuthType NONE the function gets the Authorization header, and no caller', async () => {
  const authType = 'NONE'
  const local = await startFixture({}, { mcp: { authType }, registration: { authType } })
  const headers = { authorization: 'Bearer a-token' }
  const { event } = JSON.parse((await send(local.mcpUrl, { target: '/echo', headers })).body)
  expect(event.headers.authorization).toBe('Bearer a-token')
  expect(event.requestContext).toMatchObject({ accountId: 'anonymous', authentication: null })
  expect(event.requestContext).not.toHaveProperty('authorizer')
  expectRenamed(await send(local.mcpUrl, { target: '/renamed' }))
  expectRenamed(await send(local.registrationUrl, { target: '/renamed' }))
})

function expectRenamed({ status, headers, body }: HttpResponse) {
  expect({ status, body }).toEqual({ status: 401, body: 'body' })
  expect(headers).toMatchObject({
    'x-amzn-remapped-www-authenticate': 'Bearer realm="mcp"',
    'x-amzn-remapped-server': 'ours',
    'x-amzn-remapped-date': 'Thu, 01 Jan 1970 00:00:00 GMT',
    'x-amzn-remapped-content-length': '4',
    'x-amzn-remapped-connection': 'close',
    'x-other': 'kept',
  })
  expect(headers).not.toHaveProperty('www-authenticate')
  expect(headers).not.toHaveProperty('server')
  expect(headers.date).not.toMatch(/1970/)
}

test('the event has a body that is not text as base64', async () => {
  const { mcpUrl } = await sharedFixture()
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

test('all sessions of a role have the same principal id and a session name of their own', async () => {
  const session = (name: string) => ({
    accessKeyId: `ASIA${name.toUpperCase()}`,
    secretAccessKey: `secret of ${name}`,
    sessionToken: `token of ${name}`,
    arn: `arn:aws:sts::111122223333:assumed-role/agents/${name}`,
  })
  const sessions = [session('first'), session('second')]
  const { mcpUrl } = await sharedFixture({ principals: sessions })
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

test('accepts a body of 6 MB and refuses a larger one with 413 without running the function', async () => {
  const calls: unknown[] = []
  const { mcpUrl } = await sharedFixture({ onInvocation: it => calls.push(it) })
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

test('refuses a Host header that is not a loopback name', async () => {
  const { mcpUrl } = await sharedFixture()
  const { port } = new URL(mcpUrl)
  const raw = await sign(`http://elsewhere.example:${port}/`, { target: '/raw' })
  expect(await send(mcpUrl, raw)).toMatchObject({ status: 403, body: '{"Message":null}' })
  const byName = await sign(`http://localhost:${port}/`, { target: '/raw' })
  expect(await send(mcpUrl, byName)).toMatchObject({ status: 200 })
})
