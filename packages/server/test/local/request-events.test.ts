import { once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'

import { createEvents, type LocalEvent } from '../../src/local/events.ts'
import { requestLog } from '../../src/local/request-log.ts'
import { observer } from '../../src/local/url/observe.ts'

type Answer = (response: ServerResponse) => void

// A server in the place of the mcp function: the tests say what it answers.
const events = createEvents()
const seen: LocalEvent[] = []
events.subscribe(event => seen.push(event))
const observe = observer(events)
let answer: Answer = response => response.end()
const server = createServer(async (request, response) => {
  const [path = '', query = ''] = (request.url ?? '').split('?')
  const body = await buffer(request)
  observe({ method: request.method ?? '', path, query, body }, response)
  answer(response)
})
let base: string
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`
})
afterAll(() => void server.close())
beforeEach(() => {
  seen.length = 0
})

const post = (path: string, message: object, how: Answer) => {
  answer = how
  return fetch(base + path, { method: 'POST', body: JSON.stringify(message) }).then(it => it.text())
}
const json = (value: object) => (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
const call = (id: number, name: string) => ({
  ...{ jsonrpc: '2.0', id, method: 'tools/call' },
  params: { name, arguments: { city: 'Oslo' } },
})
const outcomes = () => seen.flatMap(it => (it.type === 'response' ? [it.outcome] : []))
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000 })

test('a request on /mcp has the outcome of its JSON response', async () => {
  const result = { content: [], isError: true }
  await post('/mcp', call(1, 'weather'), json({ jsonrpc: '2.0', id: 1, result }))
  await eventually(() => expect(outcomes()).toEqual([{ type: 'tool-error', result }]))
  expect(seen[0]).toMatchObject({
    ...{ type: 'request', transport: '/mcp', method: 'tools/call', target: 'weather' },
    params: { arguments: { city: 'Oslo' } },
  })
})

test('a stream on /mcp brings notifications, and then the response', async () => {
  const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }
  const response = { jsonrpc: '2.0', id: 2, result: { content: [] } }
  await post('/mcp', call(2, 'weather'), it => {
    it.setHeader('content-type', 'text/event-stream')
    // An event that arrives in two pieces.
    it.write(`data: ${JSON.stringify(progress).slice(0, 20)}`)
    it.end(`${JSON.stringify(progress).slice(20)}\n\ndata: ${JSON.stringify(response)}\n\n`)
  })
  await eventually(() => expect(outcomes()).toHaveLength(1))
  expect(seen.map(it => it.type)).toEqual(['request', 'notification', 'response'])
})

test('the response to a request on /message comes on the stream of its session', async () => {
  let stream: ServerResponse | undefined
  answer = response => {
    stream = response
    response.setHeader('content-type', 'text/event-stream')
    response.write('event: endpoint\ndata: /message?sessionId=s1\n\n')
  }
  const opened = await fetch(`${base}/sse`)
  await post('/message?sessionId=s1', call(3, 'weather'), it => it.writeHead(202).end('ok'))
  expect(outcomes()).toEqual([])
  stream?.end(
    `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 3, error: { code: -32602, message: 'no' } })}\n\n`,
  )
  await opened.text()
  await eventually(() =>
    expect(outcomes()).toEqual([{ type: 'error', code: -32602, message: 'no' }]),
  )
})

test('a request without a response of MCP ends with the reason', async () => {
  await post('/mcp', call(4, 'weather'), it => it.writeHead(502).end('Internal Server Error'))
  await post('/message?sessionId=gone', call(5, 'weather'), it => it.writeHead(404).end('{}'))
  await post('/mcp', { jsonrpc: '2.0', method: 'notifications/initialized' }, json({}))
  await eventually(() =>
    expect(outcomes()).toEqual([
      { type: 'none', reason: 'HTTP 502' },
      { type: 'none', reason: 'HTTP 404' },
    ]),
  )
})

test('the log has one line for each request, without its arguments or control characters', async () => {
  const lines: string[] = []
  const end = events.subscribe(requestLog(line => lines.push(line.replace(/\d+ ms/, 'N ms'))))
  await post('/mcp', call(6, 'a\u001b[2Jb'), json({ jsonrpc: '2.0', id: 6, result: {} }))
  await eventually(() => expect(lines).toEqual(['mcp | tools/call a [2Jb N ms ok']))
  end()
})

test('with --verbose it has no control characters either, also of names that no method has', async () => {
  const lines: string[] = []
  const end = events.subscribe(requestLog(line => lines.push(line.replace(/\d+ ms/, 'N ms')), true))
  const message = { jsonrpc: '2.0', id: 7, method: 'a\u001b[2J', params: { text: '\u009b2J' } }
  await post('/mcp', message, json({ jsonrpc: '2.0', id: 7, result: { text: '\u009b' } }))
  await eventually(() =>
    expect(lines).toEqual([
      'mcp | a [2J N ms ok',
      'mcp |   > {"text":" 2J"}',
      'mcp |   < {"text":" "}',
    ]),
  )
  end()
})

test('a request of a session that says nothing more ends when a thousand others have come', () => {
  const body = Buffer.from(JSON.stringify(call(8, 'weather')))
  for (let session = 0; session <= 1_000; session++) {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const query = `sessionId=silent-${session}`
    observe({ method: 'POST', path: '/message', query, body }, response)
  }
  expect(outcomes()).toContainEqual({ type: 'none', reason: 'no response' })
  expect(outcomes().length).toBeLessThan(10)
})
