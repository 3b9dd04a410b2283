import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { openSession, type RawSession } from './support/mcp-wire.ts'
import {
  initialize,
  initialized,
  openRaw,
  postMcp,
  postRaw,
  type RawStream,
} from './support/sse-wire.ts'

let gateway: Gateway
let stream: RawStream
let session: RawSession
beforeAll(async () => {
  gateway = await startGateway()
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { file: 'string', log: 'string' },
  })
  stream = await openRaw(gateway)
  session = await openSession(gateway)
})
afterAll(() => gateway.close())

const ping = { jsonrpc: '2.0', id: 'ping', method: 'ping' }

/** Messages that the SDK drops without a response. */
const DROPPED: [string, object][] = [
  ['_meta: null', { ...ping, params: { _meta: null } }],
  ['_meta that is a list', { ...ping, params: { _meta: [] } }],
  ['progressToken: null', { ...ping, params: { _meta: { progressToken: null } } }],
  ['progressToken: 1.5', { ...ping, params: { _meta: { progressToken: 1.5 } } }],
  ['an extra member', { ...ping, extra: 1 }],
  ['params: null', { ...ping, params: null }],
  ['an id of 2^53', { ...ping, id: 2 ** 53 }],
  ['an id of -2^53', { ...ping, id: -(2 ** 53) }],
  ['an id of 1.5', { ...ping, id: 1.5 }],
  ['an id that is null', { ...ping, id: null }],
  ['an id of 3,000 characters', { ...ping, id: 'x'.repeat(3_000) }],
  ['a result beside the method', { ...ping, result: {} }],
  ['a result that is null', { jsonrpc: '2.0', id: 1, result: null }],
  ['an error code that is a text', { jsonrpc: '2.0', id: 1, error: { code: 'x', message: '' } }],
  ['initialize without an id', { jsonrpc: '2.0', method: 'initialize', params: {} }],
  ['a call without an id', { jsonrpc: '2.0', method: 'tools/call', params: { name: 'wait' } }],
]

describe('a message that could get no response', () => {
  test.each(DROPPED)('is refused at once, alike everywhere: %s', async (_, message) => {
    const responses = [
      await postRaw(gateway, stream.endpoint, message),
      await session.post(message),
      await postMcp(gateway, message),
    ]
    for (const response of responses) {
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({
        jsonrpc: '2.0',
        error: { code: -32_600, message: expect.any(String) },
      })
    }
  })
})

/** Ids that the gateway might give its own requests, and those at the limits. */
const IDS = [
  ...['restore:initialize', 'mcp-lambda-sam:assumed-initialize', 'mcp-lambda-sam:resumed'],
  ...['replay:initialize', 0, 1, -1, 2 ** 53 - 1, '', '1', 'x'.repeat(1_024)],
]

describe('on /sse', () => {
  test('every id of a request comes back, once, and no other', async () => {
    // The header makes the gateway initialize the session by itself.
    const response = await gateway.fetch()(new URL('sse', gateway.mcpUrl), {
      headers: { 'mcp-protocol-version': '2025-11-25' },
    })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const read = async (pattern: RegExp) => {
      while (!pattern.test(text)) text += (await reader?.read())?.value ?? ''
      return pattern.exec(text)?.[1] ?? ''
    }
    const endpoint = await read(/data: (\S+)\n/)
    for (const id of [...IDS, 'last'])
      expect((await postRaw(gateway, endpoint, { ...ping, id })).status).toBe(202)
    await read(/"(last)"/)
    const ids = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => JSON.parse(data).id)
    expect(ids).toEqual([...IDS, 'last'])
    await reader?.cancel()
  })

  test('the second of two requests in flight with one id is refused', async () => {
    const [file, log] = ['file', 'log'].map(name => join(tmpdir(), `${randomUUID()}-${name}`))
    const post = (message: object) => postRaw(gateway, stream.endpoint, message)
    await post(initialize)
    await post(initialized)
    const params = { name: 'wait', arguments: { file, log } }
    const call = { jsonrpc: '2.0', id: 'same', method: 'tools/call', params }
    for (const message of [call, call]) expect((await post(message)).status).toBe(202)
    await stream.read(/"id":"same","error":\{"code":-32600/)
    writeFileSync(file ?? '', '')
    await stream.read(/done/)
    expect(readFileSync(log ?? '', 'utf8')).toBe('ran\n')
    // It is answered: the id may be used again.
    const before = stream.text().length
    await post({ ...ping, id: 'same' })
    await stream.read(new RegExp(`^.{${before}}.*"id":"same"`, 's'))
    expect(stream.text().slice(before)).toContain('"result":{}')
  })
})
