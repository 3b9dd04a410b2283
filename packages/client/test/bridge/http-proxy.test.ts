import { request as httpRequest } from 'node:http'

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect, onTestFinished, test } from 'vitest'

import { startProxy as startProxyHere } from '../../src/bridge/http-proxy/proxy.ts'
import { createLog } from '../../src/bridge/log.ts'
import { signedFetch } from '../../src/signing/signed-fetch.ts'
import { type Host, hostEnvironment, startHost } from '../support/host.ts'
import { serveV1 } from '../support/sdk.ts'
import { type Respond, serve, startGateway } from '../support/server.ts'
import { KEY, REGION, refusalOf } from '../support/verifier.ts'

interface Started {
  host: Host
  url: URL
  sseUrl: URL
  token: string
  headers: Record<string, string>
}

async function startProxy(
  url: string,
  args: string[] = [],
  env = hostEnvironment(),
): Promise<Started> {
  const host = startHost(['--http', '0', '--json', ...args, url], { env })
  await expect.poll(() => host.lines.length, { timeout: 30_000 }).toBe(1)
  const line = JSON.parse(host.lines[0] ?? '')
  const headers = { authorization: `Bearer ${line.token}` }
  return { host, url: new URL(line.url), sseUrl: new URL(line.sseUrl), token: line.token, headers }
}

const signed =
  (respond: Respond): Respond =>
  (request, response) => {
    const refused = refusalOf(request, KEY)
    if (refused) return response.writeHead(403).end(refused)
    return respond(request, response)
  }

const ping = { method: 'POST', body: '{"jsonrpc":"2.0","id":7,"method":"ping"}' }

test('serves a client of Streamable HTTP, and ends its session only when the proxy ends', async () => {
  const server = await serveV1()
  const { host, url, headers } = await startProxy(server.url)
  const client = new Client({ name: 'app', version: '1' })
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } })
  await client.connect(transport)
  const { content } = await client.callTool({ name: 'echo', arguments: { a: 1 } })
  expect(content).toEqual([{ type: 'text', text: '{"a":1}' }])
  await client.close()
  await expect.poll(() => server.open.size, { timeout: 30_000 }).toBe(0)
  expect(server.received.map(it => it.method)).not.toContain('DELETE')

  host.child.kill('SIGTERM')
  expect(await host.exit).toBe(143)
  const last = server.received.at(-1)
  expect(last?.method).toBe('DELETE')
  expect(last?.headers['mcp-session-id']).toBe(transport.sessionId)
})

test('serves a client of HTTP+SSE', async () => {
  const gateway = await startGateway()
  const { sseUrl, headers } = await startProxy(gateway.url)
  const client = new Client({ name: 'app', version: '1' })
  const withHeaders: typeof fetch = (input, init) =>
    fetch(input, {
      ...init,
      headers: { ...Object.fromEntries(new Headers(init?.headers)), ...headers },
    })
  await client.connect(new SSEClientTransport(sseUrl, { fetch: withHeaders }))
  onTestFinished(() => client.close())
  expect((await client.listTools()).tools).toHaveLength(1)
})

test('refuses other hosts, other origins and clients without the token', async () => {
  const server = await serve((_, response) => response.end())
  const { url, headers } = await startProxy(server.url)
  const status = (added: Record<string, string>, path = '/mcp', method = 'POST') =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { method, path, headers: added }
      httpRequest(url, options, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end()
    })

  expect(await status({})).toBe(401)
  expect(await status({ authorization: 'Bearer other' })).toBe(401)
  expect(await status({ ...headers, host: 'rebound.example' })).toBe(403)
  expect(await status({ ...headers, origin: 'https://page.example' })).toBe(403)
  expect(await status({ ...headers, 'sec-fetch-site': 'cross-site' }, '/mcp', 'GET')).toBe(403)
  expect(await status(headers, '/register')).toBe(404)
  expect(await status(headers, '/constructor')).toBe(404)
  expect(await status(headers, '/mcp', 'PUT')).toBe(405)
  expect(await status(headers, '//')).toBe(400)
  const large = await fetch(url, { method: 'POST', headers, body: 'x'.repeat(6 * 1024 * 1024 + 1) })
  expect(large.status).toBe(413)
  expect(server.received).toEqual([])
})

test('ends with 2 where its port is taken', async () => {
  const { port } = new URL((await serve(() => {})).url)
  const host = startHost(['--http', port, 'http://127.0.0.1'])
  expect(await host.exit).toBe(2)
  expect(host.stderr()).toContain(`Port ${port} is taken`)
})

test('passes statuses, headers and bodies on, and not the credentials of the client', async () => {
  const server = await serve(
    signed((request, response) => {
      expect(request.headers['cookie']).toBeUndefined()
      expect(request.headers['x-team']).toBe('search')
      response.writeHead(418, { 'content-type': 'text/plain', 'x-answer': '1' }).end(request.body)
    }),
  )
  const { url } = await startProxy(`${server.url}/?a=1`, [
    '--no-token',
    '--header',
    'X-Team: search',
  ])
  const headers = { authorization: 'Bearer mine', cookie: 'c=1', 'mcp-protocol-version': 'x' }
  const response = await fetch(`${url}?b=2`, { ...ping, headers })
  expect(response.status).toBe(418)
  expect(response.headers.get('x-answer')).toBe('1')
  expect(await response.text()).toBe(ping.body)
  const [received] = server.received
  expect(received?.target).toBe('/mcp?a=1&b=2')
  expect(received?.headers['mcp-protocol-version']).toBe('x')
})

test('streams each chunk at once, and passes on that a client hangs up', async () => {
  const server = await serve(
    signed((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    }),
  )
  const { url, headers } = await startProxy(server.url)
  const hangUp = new AbortController()
  const { body } = await fetch(url, { headers, signal: hangUp.signal })
  const reader = body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: 1\n\n')
  expect(server.open.size).toBe(1)
  hangUp.abort()
  await expect.poll(() => server.open.size, { timeout: 30_000 }).toBe(0)
})

test('answers a request with what to do where there are no credentials', async () => {
  const { url, headers } = await startProxy(
    'https://x.lambda-url.eu-west-1.on.aws',
    [],
    hostEnvironment({}),
  )
  const response = await fetch(url, { ...ping, headers })
  expect(await response.json()).toMatchObject({
    id: 7,
    error: { code: -32603, data: { code: 'no_credentials' } },
  })
  expect((await fetch(url, { headers })).status).toBe(502)
  // A client of HTTP+SSE ignores the body of a POST that succeeds.
  const posted = await fetch(new URL('/message?sessionId=s', url), { ...ping, headers })
  expect(posted.status).toBe(502)
  expect(await posted.json()).toMatchObject({ error: { code: 'no_credentials' } })
})

test('ends although the credentials for the end of a session do not come', async () => {
  const server = await serve((_, response) =>
    response.writeHead(200, { 'mcp-session-id': 's' }).end(),
  )
  const proxy = await startProxyHere({
    url: new URL(server.url),
    port: 0,
    token: undefined,
    headers: [],
    signedFetch: signedFetch({
      region: REGION,
      credentials: async () => (server.received.length === 0 ? KEY : new Promise<never>(() => {})),
    }),
    hintFor: async () => undefined,
    log: createLog('silent'),
  })
  await (await fetch(`http://127.0.0.1:${proxy.port}/mcp`, ping)).text()
  await proxy.close()
  expect(server.received.map(it => it.method)).toEqual(['POST'])
})
