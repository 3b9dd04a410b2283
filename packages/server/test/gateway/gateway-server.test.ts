import { InMemoryTransport, type JSONRPCMessage, ProtocolError } from '@modelcontextprotocol/server'
import { afterEach, expect, test, vi } from 'vitest'

import { GatewayServer } from '../../src/gateway/protocol/gateway-server.ts'
import { messageText } from '../../src/gateway/wire/message-text.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

function nested(depth: number): object {
  let value: object = {}
  for (let n = 0; n < depth; n++) value = n % 2 ? { value } : [value]
  return value
}

/** A server whose tool and prompt do the same. */
async function serve(run: () => unknown) {
  const capabilities = { tools: {}, prompts: {}, logging: {} }
  const server = new GatewayServer({ name: 's', version: '1' }, { capabilities }, 'request-7')
  server.setRequestHandler('tools/call', async () => run() as never)
  server.setRequestHandler('prompts/get', async () => run() as never)
  server.setRequestHandler('tools/list', async () => ({ tools: [] }))
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await server.connect(ours)
  await theirs.start()
  return (method: string, params?: object) =>
    new Promise<JSONRPCMessage & { error?: unknown; result?: unknown }>(resolve => {
      theirs.onmessage = resolve
      void theirs.send({ jsonrpc: '2.0', id: 1, method, params } as JSONRPCMessage)
    })
}

const get = ['prompts/get', { name: 'p' }] as const
const call = ['tools/call', { name: 't' }] as const

test('a fault of the gateway is logged, and the client gets no detail', async () => {
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const request = await serve(() => {
    throw new Error('table arn:aws:dynamodb:1234 is gone')
  })
  for (const [method, params] of [get, call]) {
    const { error } = await request(method, params)
    expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('request-7') })
    expect(JSON.stringify(error)).not.toContain('arn:')
  }
  expect(logged.mock.calls[0]?.[0]).toMatchObject({
    requestId: 'request-7',
    'mcp.method.name': 'prompts/get',
    error: { message: 'table arn:aws:dynamodb:1234 is gone' },
  })
})

test.each([
  ['logging/setLevel', { level: 'verbose' }, '"level"'],
  ['prompts/get', { name: 7 }, '"name"'],
  ['tools/call', { name: 7 }, '"name"'],
  ['tools/list', { cursor: null }, '"cursor"'],
  ['initialize', { protocolVersion: '2025-11-25', capabilities: {} }, '"clientInfo"'],
  ['prompts/get', undefined, '"params"'],
])('%s with params %o is refused with one sentence', async (method, params, place) => {
  const { error } = await (await serve(() => ({})))(method, params)
  expect(error).toEqual({ code: -32602, message: expect.stringContaining(place) })
  expect((error as { message: string }).message).not.toMatch(/[{}\n]/)
})

test('the error of a function passes unchanged', async () => {
  const message = `bad input: ${JSON.stringify([{ path: ['a'], message: 'is wrong' }])}`
  const request = await serve(() => {
    throw new ProtocolError(-32050, message, { a: 1 })
  })
  expect((await request(...call)).error).toEqual({ code: -32050, message, data: { a: 1 } })
})

test('null counts as no arguments', async () => {
  const request = await serve(() => ({ content: [] }))
  const { result } = await request('tools/call', { name: 't', arguments: null })
  expect(result).toEqual({ content: [] })
})

test.each([10_000, 100_000])('a result nested %d deep is an error', async depth => {
  const request = await serve(() => ({
    content: [],
    structuredContent: { deep: nested(depth) },
    messages: [
      { role: 'user', content: { type: 'text', text: '', _meta: { deep: nested(depth) } } },
    ],
  }))
  expect((await request(...call)).result).toMatchObject({ isError: true })
  expect((await request(...get)).error).toMatchObject({ code: -32603 })
})

test('a response that cannot be written as JSON becomes an error with the same id', () => {
  const text = messageText({ jsonrpc: '2.0', id: 'x', result: { deep: nested(100_000) } })
  expect(JSON.parse(text)).toMatchObject({ id: 'x', error: { code: -32603 } })
})
