import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { ConsoleEvent } from '../../src/local/console/messages.ts'
import { createConsole } from '../../src/local/console/server.ts'
import { createEvents } from '../../src/local/events.ts'
import { closeServer, listen } from '../../src/local/http-server.ts'

// The page as it is in the sources. Nothing here reaches a gateway.
const events = createEvents()
const it = createConsole({
  mcpUrl: 'http://127.0.0.1:9/',
  region: 'us-east-1',
  credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  assets: fileURLToPath(new URL('../../src/local/console/page', import.meta.url)),
  admin: () => Promise.reject(new Error('not used')),
  events,
})
let port = 0
let token = ''
beforeAll(async () => {
  port = await listen(it.server)
  token = it.url(port).split('#token=')[1] ?? ''
})
afterAll(async () => {
  await it.close()
  await closeServer(it.server)
})

interface Sent {
  method?: string
  headers?: Record<string, string>
  body?: string
}

/** fetch sets its own Host header. */
async function send(path: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) =>
    request({ host: '127.0.0.1', port, path, method, headers }, resolve)
      .on('error', reject)
      .end(body),
  )
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

const authorized = (headers: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${token}`, ...headers },
})
const post = (path: string, body: string) => send(path, { method: 'POST', body, ...authorized() })
const codeOf = ({ body }: { body: string }) => JSON.parse(body).error.code

/** The first `count` events of a new stream. */
async function firstEvents(count: number): Promise<ConsoleEvent[]> {
  const response = await fetch(`http://127.0.0.1:${port}/api/events`, authorized())
  let received = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    received += decoder.decode(chunk, { stream: true })
    if (received.split('\n').length > count) break
  }
  return received
    .split('\n')
    .slice(0, count)
    .map(line => JSON.parse(line))
}

test('the address has a random token of 256 bits in its fragment', () => {
  expect(token).toMatch(/^[\w-]{43}$/)
})

test('the page may load and run its own files only, and its text has no token', async () => {
  const { status, headers, body } = await send('/')
  expect(status).toBe(200)
  expect(headers['content-security-policy']).toMatch(
    /default-src 'none'.*script-src 'self';.*connect-src 'self'.*frame-ancestors 'none'/,
  )
  expect(body).not.toContain(token)
  expect(body).not.toMatch(/ on\w+=| style=|<style|<script>/)
})

describe('the API', () => {
  test.each([
    ['no token', {}],
    ['another token', { authorization: `Bearer ${'x'.repeat(43)}` }],
    ['an empty token', { authorization: 'Bearer ' }],
    ['the token of a cookie', { cookie: 'token=x' }],
  ])('refuses %s with 401', async (_, headers) => {
    const response = await send('/api/connections', { headers })
    expect([response.status, codeOf(response)]).toEqual([401, 'invalid_token'])
  })

  test('takes the token', async () => {
    const { status, body } = await send('/api/connections', authorized())
    expect(status).toBe(200)
    expect(body).toContain('mcp-lambda-sam-client')
  })

  test('says where there is nothing, after the token', async () => {
    expect((await send('/api/secrets')).status).toBe(401)
    expect((await send('/api/secrets', authorized())).status).toBe(404)
    expect((await send('/../package.json')).status).toBe(404)
  })

  test('refuses bodies that it does not understand, and those above 6 MiB', async () => {
    expect(await post('/api/calls', '{').then(codeOf)).toBe('invalid_request')
    expect(await post('/api/calls', 'null').then(codeOf)).toBe('invalid_request')
    const other = JSON.stringify({ id: 'a', method: 'logging/setLevel', params: {} })
    expect(await post('/api/calls', other).then(codeOf)).toBe('invalid_request')
    const late = JSON.stringify({ id: 'a', action: 'accept' })
    expect(await post('/api/answers', late).then(codeOf)).toBe('question_ended')
    const large = await post('/api/calls', 'x'.repeat(6 * 1024 * 1024 + 1))
    expect([large.status, codeOf(large)]).toEqual([413, 'too_large'])
  })

  test('says that the gateway does not respond to a call', async () => {
    const call = { id: 'a', method: 'tools/call', params: { name: 'x', arguments: {} } }
    const { status, body } = await post('/api/calls', JSON.stringify(call))
    expect(status).toBe(200)
    expect(JSON.parse(body).error).toMatchObject({ code: 'connection_failed' })
  })
})

describe('a request of a web page of another origin', () => {
  test.each([
    ['evil.example'],
    ['127.0.0.1'],
    ['127.0.0.1.evil.example:PORT'],
    ['localhost.evil.example:PORT'],
    ['127.0.0.1:1'],
  ])('is refused with the Host %s', async host => {
    const headers = { host: host.replace('PORT', String(port)) }
    for (const path of ['/', '/api/connections']) {
      const response = await send(path, authorized(headers))
      expect([response.status, codeOf(response)]).toEqual([403, 'foreign_origin'])
    }
  })

  test.each([
    ['https://evil.example'],
    ['null'],
    ['http://127.0.0.1:1'],
    ['http://localhost:PORT'],
  ])('is refused with the Origin %s, also with the token', async origin => {
    const headers = { origin: origin.replace('PORT', String(port)) }
    const response = await send('/api/connections', authorized(headers))
    expect([response.status, codeOf(response)]).toEqual([403, 'foreign_origin'])
  })

  test('is told apart from the own one', async () => {
    const headers = { host: `localhost:${port}`, origin: `http://localhost:${port}` }
    expect((await send('/api/connections', authorized(headers))).status).toBe(200)
  })
})

describe('the stream of events', () => {
  test('begins with the last 200 calls, beside the last 50 other requests', async () => {
    for (let key = 1; key <= 300; key++) {
      const method = key % 3 === 0 ? 'tools/list' : 'tools/call'
      const common = { type: 'request', key, at: key, transport: '/mcp' } as const
      events.emit({ ...common, method, target: 'weather', params: { key } })
    }
    // The 1st call is not kept any more. Its response must not bring it back.
    const outcome = { type: 'result', result: { text: 'x'.repeat(100_000) } } as const
    for (const key of [1, 299]) events.emit({ type: 'response', key, duration: 5, outcome })
    for (let key = 301; key <= 320; key++)
      events.emit({ type: 'request', key, at: key, transport: '/mcp', method: 'tools/call' })

    const [snapshot] = await firstEvents(1)
    if (snapshot?.type !== 'snapshot') throw new Error('no snapshot')
    const calls = snapshot.calls.filter(call => call.method === 'tools/call')
    expect(calls).toHaveLength(200)
    expect(snapshot.calls).toHaveLength(250)
    expect(calls.at(-1)?.key).toBe(320)
    const answered = snapshot.calls.find(call => call.key === 299)
    expect(answered).toMatchObject({ duration: 5, outcome: { type: 'result' } })
    expect(answered?.outcome?.text.length).toBeLessThan(16_100)
  })

  test('keeps the last 500 lines, without the routine of the gateway', async () => {
    for (let count = 0; count < 600; count++)
      events.emit({ type: 'log', level: 'info', functionName: 'weather', message: `line ${count}` })
    const routine = '{"timestamp":"","level":"INFO","message":"call"}'
    const functionName = 'mcp-lambda-sam-mcp'
    events.emit({ type: 'log', level: 'info', functionName, message: routine })
    const [snapshot] = await firstEvents(1)
    if (snapshot?.type !== 'snapshot') throw new Error('no snapshot')
    expect(snapshot.lines).toHaveLength(500)
    expect(snapshot.lines.at(-1)).toMatchObject({ source: 'weather', text: 'line 599' })
  })

  test('goes on with what happens', async () => {
    const both = firstEvents(2)
    // Until the stream is open nothing is sent on it, so the event is repeated.
    const timer = setInterval(() => events.emit({ type: 'registry-change' }), 20)
    expect((await both)[1]).toEqual({ type: 'registrations' })
    clearInterval(timer)
  })

  test('is refused above 20 open pages', async () => {
    const open = new AbortController()
    const url = `http://127.0.0.1:${port}/api/events`
    const signal = open.signal
    const responses = []
    for (let count = 0; count < 21; count++)
      responses.push(await fetch(url, { ...authorized(), signal }))
    expect(responses.map(({ status }) => status).filter(status => status === 429)).not.toEqual([])
    open.abort()
  })
})
