import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { openSession } from './support/mcp-wire.ts'
import { initialize, initialized, meta, openRaw, postMcp, postRaw } from './support/sse-wire.ts'

let gateway: Gateway
let sessionId: string
beforeAll(async () => {
  gateway = await startGateway()
  await gateway.admin.registerTool({
    name: 'echo',
    lambdaArn: functionArn('echo'),
    parameters: { text: 'string' },
  })
  sessionId = (await openSession(gateway)).id
})
afterAll(() => gateway.close())

const listTools = { jsonrpc: '2.0', id: 'list', method: 'tools/list', params: {} }

/**
 * The same list, asked for in the three ways there are. The SDK serves the requests with a
 * parameter that MCP does not know.
 */
function lists(accept: string): Promise<Response>[] {
  const post = (headers: Record<string, string>, params: object = {}) =>
    postMcp(gateway, { ...listTools, params }, { headers: { accept, ...headers } })
  return [{}, { unknown: true }].flatMap(more => [
    post({ 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-11-25' }, more),
    post({ 'mcp-protocol-version': '2025-06-18' }, more),
    post(
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
      { _meta: meta, ...more },
    ),
  ])
}

describe('the Accept header means the same with and without a session', () => {
  test.each([
    '*/*',
    'application/*, text/*',
    'Application/JSON, Text/Event-Stream',
    'text/event-stream;q=0.5,application/json;q=0.9',
    'application/json; charset=utf-8, text/event-stream',
    'text/html, */*;q=0.1',
  ])('%s is accepted', async accept => {
    for (const response of await Promise.all(lists(accept))) expect(response.status).toBe(200)
  })

  test.each([
    'application/json',
    'text/event-stream',
    'text/html',
    '*/*, text/event-stream;q=0',
    'application/jsonp, text/event-stream',
  ])('%s is not acceptable', async accept => {
    for (const response of await Promise.all(lists(accept))) {
      expect(response.status).toBe(406)
      expect(await response.json()).toMatchObject({ error: { code: -32_000 } })
    }
  })
})

test('a 202 of /mcp has a content type that its client accepts', async () => {
  const session = await openSession(gateway)
  // The SDK serves the second one.
  const notifications = [initialized, { ...initialized, params: { unknown: true } }]
  const responses = await Promise.all(
    notifications.flatMap(it => [session.post(it), postMcp(gateway, it)]),
  )
  for (const response of responses) {
    expect(response.status).toBe(202)
    expect(response.headers.get('content-type')).toMatch(/^(application\/json|text\/event-stream)/)
    expect((await response.text()).trim()).toBe('')
  }
})

test('U+2028, U+2029 and U+0085 are escapes in every event stream', async () => {
  const text = 'a\u2028b\u2029c\u0085d'
  const call = { jsonrpc: '2.0', id: 'call', method: 'tools/call' }
  const params = { name: 'echo', arguments: { text } }
  const stream = await openRaw(gateway)
  for (const message of [initialize, initialized, { ...call, params }])
    await postRaw(gateway, stream.endpoint, message)
  await stream.read(/"id":"call"/)
  const session = await openSession(gateway)
  const headers = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
  }
  const modern = { ...call, params: { ...params, _meta: meta } }
  for (const body of [
    stream.text(),
    await (await session.post({ ...call, params })).text(),
    await (await postMcp(gateway, modern, { headers })).text(),
  ]) {
    // Short responses are JSON, where these characters end no line.
    const isStream = body.includes('\ndata: ')
    const data = isStream ? (body.split('\n').findLast(it => it.includes('"call"')) ?? '') : body
    if (isStream) expect(body).not.toMatch(/[\u2028\u2029\u0085]/)
    expect(JSON.parse(data.replace(/^data: /, '')).result.structuredContent.event.text).toBe(text)
  }
  await stream.close()
})
