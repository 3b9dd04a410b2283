import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway } from './support/gateway.ts'
import { answerOf, eventsOf, openSession, type RawSession } from './support/mcp-wire.ts'
import { messagesIn, postMcp } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ push: true, environment: { HEARTBEAT_SECONDS: '1' } })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string', file: 'string?' },
  })
})
afterAll(() => gateway.close())

const newFile = () => join(tmpdir(), randomUUID())
const call = (id: string | number, mode: string, file?: string) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'contract', arguments: { mode, file }, _meta: { progressToken: 't' } },
})
const ping = (id: string | number) => ({ jsonrpc: '2.0', id, method: 'ping' })
const cancel = (requestId: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
})
const done = { content: [{ type: 'text', text: 'done' }] }
const refused = {
  id: 2,
  error: { code: -32600, message: expect.stringContaining('in flight') },
}

/** Starts a call that runs until its file exists. */
async function start(session: RawSession, id: string | number = 2) {
  const file = newFile()
  const response = await session.post(call(id, 'wait', file))
  const events = eventsOf(response)
  await events.message(it => it.method === 'notifications/progress')
  return { events, response, finish: () => writeFileSync(file, '') }
}

describe('two requests with one id in a session', () => {
  test('the second is refused, and the first gets its response', async () => {
    const session = await openSession(gateway)
    const { events, finish } = await start(session)
    for (const message of [ping(2), call(2, 'steps')]) {
      const second = await session.post(message)
      expect(second.status).toBe(400)
      expect(await second.json()).toMatchObject(refused)
    }
    finish()
    expect((await events.message(it => it.id === 2)).result).toMatchObject(done)
  })

  test('that come at once: one is refused, one gets its response', async () => {
    const session = await openSession(gateway)
    const file = newFile()
    const responses = await Promise.all([1, 2].map(() => session.post(call(2, 'wait', file))))
    const answers = responses.map(answerOf)
    // A stream that has begun is refused with an event. The other one waits for the file.
    expect((await Promise.race(answers)).error).toMatchObject(refused.error)
    writeFileSync(file, '')
    const both = await Promise.all(answers)
    expect(both.filter(it => it.error)).toMatchObject([refused])
    expect(both.filter(it => it.result)).toMatchObject([{ id: 2, result: done }])
  })

  test('an id can be used again once it has its response', async () => {
    const session = await openSession(gateway)
    for (let n = 0; n < 3; n++) {
      const { events, finish } = await start(session)
      finish()
      expect((await events.message(it => it.id === 2)).result).toMatchObject(done)
    }
    expect((await answerOf(await session.post(ping(2)))).result).toEqual({})
  })

  test('the text "2" and the number 2 are two ids', async () => {
    const session = await openSession(gateway)
    const { finish } = await start(session)
    expect((await answerOf(await session.post(ping('2')))).result).toEqual({})
    finish()
  })

  test('an id can be used again after the environment of its request died', async () => {
    const session = await openSession(gateway)
    await start(session)
    const { pid } = gateway.invocations.findLast(it => it.path === '/mcp') ?? {}
    if (!pid) throw new Error('no process served the request')
    process.kill(pid, 'SIGKILL')
    await expect
      .poll(async () => (await session.post(ping(2))).status, { timeout: 30_000 })
      .toBe(200)
  })

  test.each(['2025-03-26 in a session', '2025-03-26 without a session'])(
    'of one batch: the batch is refused, %s',
    async where => {
      const batch = [call(2, 'steps'), ping(3), ping(2)]
      const response = where.includes('without')
        ? await postMcp(gateway, batch)
        : await (await openSession(gateway, { protocolVersion: '2025-03-26' })).post(batch)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ id: null, error: { code: -32600 } })
    },
  )
})

describe('a cancellation', () => {
  test('in the batch of its request ends nothing where there is no session', async () => {
    const messages = await messagesIn(await postMcp(gateway, [ping(1), ping(2), cancel(1)]))
    expect(messages.map(it => it.id).sort()).toEqual([1, 2])
    const alone = await postMcp(gateway, [cancel(1)])
    expect(alone.status).toBe(202)
  })

  test('that comes late does not end a later request with the same id', async () => {
    const session = await openSession(gateway)
    expect((await answerOf(await session.post(ping(2)))).result).toEqual({})
    expect((await session.post(cancel(2))).status).toBe(202)
    const { events, finish } = await start(session)
    // The stream looks for cancellations: one of another request shows that it has looked.
    const other = await start(session, 3)
    await session.post(cancel(3))
    while (await other.events.next());
    const again = await start(session, 4)
    await session.post(cancel(4))
    while (await again.events.next());
    finish()
    expect((await events.message(it => it.id === 2)).result).toMatchObject(done)
  })

  test.each(['2025-03-26', '2025-06-18', '2025-11-25'])(
    'of the only request ends the response in order, in %s',
    async protocolVersion => {
      const session = await openSession(gateway, { protocolVersion })
      // Nothing is sent before the cancellation.
      const request = { ...call(2, 'hang'), params: { ...call(2, 'hang').params, _meta: {} } }
      let response: Response | undefined
      const running = session.post(request).then(it => {
        response = it
        return it.text()
      })
      // Repeated, because the first cancellation may come before the request.
      const cancelled = async () => {
        await session.post(cancel(2))
        return response !== undefined
      }
      await expect.poll(cancelled, { timeout: 20_000 }).toBe(true)
      const text = await running
      expect(response?.status).toBe(200)
      expect(response?.headers.get('content-type')).toBe('text/event-stream')
      expect(text).not.toBe('')
      expect(text).not.toContain('"id":2')
    },
  )

  test.each([
    ['of 2 KB', 'x'.repeat(2_000)],
    ['of 1 MB', 'x'.repeat(1_000_000)],
    ['that is empty', ''],
    ['that is an object', {}],
    ['that is null', null],
  ])('of a request id %s is accepted', async (_, requestId) => {
    const session = await openSession(gateway)
    expect((await session.post(cancel(requestId))).status).toBe(202)
  })
})

test.each(['restore:initialize', 'restore:logging/setLevel', 'replay:initialize'])(
  'a request with the id "%s" gets its response',
  async id => {
    const session = await openSession(gateway)
    const level = { ...ping(1), method: 'logging/setLevel', params: { level: 'error' } }
    await session.post(level)
    expect(await answerOf(await session.post(ping(id)))).toMatchObject({ id, result: {} })
    // One that the SDK answers, whose server is initialized again in this environment.
    expect(await answerOf(await session.post({ ...level, id }))).toMatchObject({ id, result: {} })
  },
)

describe('a request that does not fit', () => {
  const invalid = [
    ['logging/setLevel', { level: 'verbose' }],
    ['tools/list', { cursor: null }],
    ['resources/list', { cursor: 7 }],
    ['prompts/list', { cursor: [] }],
    ['resources/templates/list', { cursor: {} }],
    ['prompts/get', { name: 7 }],
    ['prompts/get', undefined],
    ['tools/call', { name: 7 }],
    ['tools/call', { name: 'contract', arguments: 'x' }],
    ['resources/read', { uri: 7 }],
    ['completion/complete', undefined],
    ['completion/complete', { ref: { type: 'ref/other' }, argument: { name: 'a', value: '' } }],
  ] as const
  const expected = { code: -32602, message: expect.stringMatching(/^[^{}\n]+$/) }

  test('is refused with one sentence in a session', async () => {
    const session = await openSession(gateway)
    for (const [method, params] of invalid) {
      const { error } = await answerOf(
        await session.post({ jsonrpc: '2.0', id: 1, method, params }),
      )
      expect(error, method).toEqual(expected)
    }
    for (const params of [{}, { uri: 7 }])
      for (const method of ['resources/subscribe', 'resources/unsubscribe'])
        expect(
          (await answerOf(await session.post({ jsonrpc: '2.0', id: 1, method, params }))).error,
        ).toEqual(expected)
  })

  test('does not fail where a client unsubscribes from what no one can subscribe to', async () => {
    const session = await openSession(gateway)
    for (const uri of ['', 'x'.repeat(100_000)])
      expect(
        await answerOf(
          await session.post({
            jsonrpc: '2.0',
            id: 1,
            method: 'resources/unsubscribe',
            params: { uri },
          }),
        ),
      ).toMatchObject({ result: {} })
  })

  test('is refused with one sentence without a session', async () => {
    for (const [method, params] of invalid) {
      const headers = { 'mcp-protocol-version': '2025-06-18' }
      const request = { jsonrpc: '2.0', id: 1, method, params }
      const [message] = await messagesIn(await postMcp(gateway, request, { headers }))
      expect(message?.error, method).toEqual(expected)
    }
  })

  test('null counts as no arguments', async () => {
    const session = await openSession(gateway)
    const params = { name: 'contract', arguments: null }
    const { result } = await answerOf(
      await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    )
    // The tool wants "mode": the arguments were taken for {}.
    expect(JSON.stringify(result)).toContain('mode')
  })
})

describe('initialize', () => {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  }
  const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params }

  test('without an id is refused at once', async () => {
    const { id: _, ...notification } = initialize
    const response = await postMcp(gateway, notification)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: null, error: { code: -32600 } })
  })

  test('without clientInfo is refused with one sentence', async () => {
    const { clientInfo: _, ...rest } = params
    const { error } = await answerOf(await postMcp(gateway, { ...initialize, params: rest }))
    expect(error).toEqual({ code: -32602, message: expect.stringContaining('clientInfo') })
  })

  test('with a clientInfo of 500 KB is refused with the limit', async () => {
    const clientInfo = { name: 'x'.repeat(500_000), version: '1' }
    const response = await postMcp(gateway, { ...initialize, params: { ...params, clientInfo } })
    expect(response.status).toBe(400)
    expect((await response.json()).error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('65536 bytes'),
    })
  })

  test('with params that are no object is refused', async () => {
    for (const wrong of [undefined, [], 7, null]) {
      const response = await postMcp(gateway, { ...initialize, params: wrong })
      const { error } = await answerOf(response)
      expect([-32600, -32602]).toContain(error?.code)
    }
  })
})

test.each([
  ['of 3 KB', 'x'.repeat(3_000)],
  ['that is empty', ''],
  ['that is unknown', 'A'.repeat(24)],
])('a response with an id %s is dropped or refused', async (_, id) => {
  const session = await openSession(gateway)
  expect((await session.post({ jsonrpc: '2.0', id, result: {} })).status).toBeLessThan(500)
})

test('an unknown tool with a name of 1 MB is refused in a few kilobytes', async () => {
  const session = await openSession(gateway)
  const params = { name: 'x'.repeat(1_000_000) }
  const { error } = await answerOf(
    await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  )
  expect(error?.code).toBe(-32602)
  expect(error?.message.length).toBeLessThan(9_000)
})

test('a result nested 100,000 deep is a tool error', async () => {
  const session = await openSession(gateway)
  expect((await answerOf(await session.post(call(2, 'deep')))).result).toMatchObject({
    isError: true,
  })
  const headers = { 'mcp-protocol-version': '2025-06-18' }
  const messages = await messagesIn(await postMcp(gateway, call(2, 'deep'), { headers }))
  expect(messages.find(it => it.id === 2)?.result).toMatchObject({ isError: true })
})
