import { randomUUID } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { functionArn, type Gateway, startGateway, until } from './support/gateway.ts'
import { answerOf, eventsOf, openSession, type RawSession } from './support/mcp-wire.ts'
import { meta, postMcp } from './support/sse-wire.ts'

let gateway: Gateway
beforeAll(async () => {
  gateway = await startGateway({ environment: { HEARTBEAT_SECONDS: '1' } })
  await gateway.admin.registerTool({
    name: 'contract',
    lambdaArn: functionArn('contract'),
    contract: 'mcp',
    parameters: { mode: 'string', file: 'string?', times: 'integer?' },
  })
  await gateway.admin.registerTool({
    name: 'wait',
    lambdaArn: functionArn('wait'),
    parameters: { ms: 'integer?', file: 'string?', log: 'string?' },
  })
})
afterAll(() => gateway.close())

const call = (id: number, mode: string, more: { file?: string; progressToken?: string } = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: {
    name: 'contract',
    arguments: { mode, ...(more.file && { file: more.file }) },
    ...(more.progressToken && { _meta: { progressToken: more.progressToken } }),
  },
})
const newFile = () => join(tmpdir(), randomUUID())
const ping = { jsonrpc: '2.0', id: 99, method: 'ping' }

/** The process that served the last request of this method. */
const pidOf = (method: string) =>
  gateway.invocations.findLast(it => it.path === '/mcp' && it.method === method)?.pid

describe('a response', () => {
  test('that is ready at once is sent in one piece, without event ids', async () => {
    const session = await openSession(gateway)
    const response = await session.post(ping)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const [, data] = /^event: message\ndata: (.*)\n\n$/.exec(await response.text()) ?? []
    expect(JSON.parse(data ?? '')).toEqual({ jsonrpc: '2.0', id: 99, result: {} })
  })

  test('that takes long is a stream that begins before the result and ends with it', async () => {
    const session = await openSession(gateway)
    const file = newFile()
    const response = await session.post(call(2, 'wait', { file }))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const events = eventsOf(response)
    expect(await events.next()).toEqual({ data: '', id: expect.any(String) })
    writeFileSync(file, '')
    expect((await events.message(it => it.id === 2)).result).toMatchObject({
      content: [{ text: 'done' }],
    })
    expect(await events.next()).toBeUndefined()
  })

  test('has no event without a message for clients that fail on one', async () => {
    const session = await openSession(gateway, { protocolVersion: '2025-06-18' })
    const response = await session.post(call(2, 'steps', { progressToken: 't' }))
    const events = eventsOf(response)
    for (let event = await events.next(); event; event = await events.next())
      expect(event.data).not.toBe('')
  })
})

describe('a client that lost a response stream', () => {
  /** Reads up to a progress notification, and is cut off. */
  async function lose(session: RawSession, mode: string, file = newFile()) {
    const response = await session.post(call(2, mode, { file, progressToken: 't' }))
    const events = eventsOf(response)
    const { eventId } = await events.message(it => it.method === 'notifications/progress')
    const pid = pidOf('POST')
    await events.close()
    return { eventId: eventId ?? '', file, pid }
  }

  test('gets the rest from another process while the first one still runs', async () => {
    const session = await openSession(gateway)
    const { eventId, file, pid } = await lose(session, 'wait')
    const events = eventsOf(await session.get(eventId))
    await until(() => pidOf('GET') !== undefined, 'the request to arrive')
    expect(pidOf('GET')).not.toBe(pid)
    writeFileSync(file, '')
    expect((await events.message(it => it.id === 2)).result).toMatchObject({
      content: [{ text: 'done' }],
    })
    expect(await events.next()).toBeUndefined()
  })

  test('gets what it missed, once and in order, after the response is complete', async () => {
    const session = await openSession(gateway)
    const whole = eventsOf(await session.post(call(2, 'steps', { progressToken: 't' })))
    const sent: (string | undefined)[] = []
    for (let event = await whole.next(); event; event = await whole.next()) sent.push(event.data)
    const ids = await lose(session, 'steps')

    const rest: (string | undefined)[] = []
    const events = eventsOf(await session.get(ids.eventId))
    for (let event = await events.next(); event; event = await events.next()) rest.push(event.data)
    // All but the priming event and the first notification.
    expect(rest).toEqual(sent.slice(2))
    expect(rest).toHaveLength(3)
  })

  test('gets an outcome-unknown error when the process was killed', async () => {
    const session = await openSession(gateway)
    const { eventId, pid } = await lose(session, 'wait')
    if (!pid) throw new Error('no process served the request')
    process.kill(pid, 'SIGKILL')
    const { error } = await eventsOf(await session.get(eventId)).message(it => it.id === 2)
    expect(error).toMatchObject({
      code: -32000,
      data: { reason: 'outcome-unknown', retrySafe: false },
    })
  })

  test.each([
    ['that is made up', 'AAAAAAAAAAAAAAAA.1'],
    ['of long ago', `AAAAAAAAAAAAAAAA.0.1.${Buffer.from('[2]').toString('base64url')}`],
    ['that is none', 'what?'],
  ])('and names an event %s is told to send the request again', async (_, id) => {
    const session = await openSession(gateway)
    const response = await session.get(id)
    expect(response.status).toBe(400)
    expect((await response.json()).error.message).toContain('send the request again')
  })

  test('cannot resume a stream of another session', async () => {
    const session = await openSession(gateway)
    const { eventId } = await lose(session, 'steps')
    const other = await openSession(gateway)
    expect((await other.get(eventId)).status).toBe(400)
  })
})

describe('a call without messages before its response', () => {
  const quiet = (args: object) => ({
    jsonrpc: '2.0',
    id: 2,
    method: 'tools/call',
    params: { name: 'wait', arguments: args },
  })
  const waited = { content: [{ type: 'text', text: 'done' }] }

  /** Reads the event that comes before any message, and is cut off. */
  async function lose(session: RawSession, args: object) {
    const events = eventsOf(await session.post(quiet(args)))
    const { id = '' } = (await events.next()) ?? {}
    const pid = pidOf('POST')
    await events.close()
    return { id, pid }
  }

  test('is resumed while it runs, and when it is complete', async () => {
    const session = await openSession(gateway)
    const file = newFile()
    const { id } = await lose(session, { file })
    const early = eventsOf(await session.get(id))
    writeFileSync(file, '')
    const late = eventsOf(await session.get(id))
    for (const events of [early, late]) {
      expect((await events.message(it => it.id === 2)).result).toMatchObject(waited)
      expect(await events.next()).toBeUndefined()
    }
  })

  test('is an unknown outcome after its environment died, and runs once', async () => {
    const session = await openSession(gateway)
    const log = newFile()
    const { id, pid } = await lose(session, { file: newFile(), log })
    if (!pid) throw new Error('no process served the request')
    process.kill(pid, 'SIGKILL')
    const { error } = await eventsOf(await session.get(id)).message(it => it.id === 2)
    expect(error).toMatchObject({ data: { reason: 'outcome-unknown' } })
    expect(readFileSync(log, 'utf8')).toBe('ran\n')
  })
})

describe('a request that its client cancels', () => {
  test('stops in the process that runs it and gets no result', async () => {
    const session = await openSession(gateway)
    const file = newFile()
    const response = await session.post(call(2, 'wait', { file, progressToken: 't' }))
    const events = eventsOf(response)
    await events.message(it => it.method === 'notifications/progress')
    const running = pidOf('POST')

    const params = { requestId: 2, reason: 'changed my mind' }
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
    expect((await session.post(cancelled)).status).toBe(202)
    expect(pidOf('POST')).not.toBe(running)

    // The function is never let go, so the stream ends by the cancellation alone.
    const rest: string[] = []
    for (let event = await events.next(); event; event = await events.next()) rest.push(event.data)
    expect(rest.filter(it => it.includes('"id":2'))).toEqual([])
    expect((await session.post(ping)).status).toBe(200)
    writeFileSync(file, '')
  })

  test('does not stop a request with the same id in another session', async () => {
    const [mine, theirs] = [await openSession(gateway), await openSession(gateway)]
    const file = newFile()
    const start = async (session: RawSession) => {
      const response = await session.post(call(2, 'wait', { file, progressToken: 't' }))
      const events = eventsOf(response)
      await events.message(it => it.method === 'notifications/progress')
      return events
    }
    const running = await start(theirs)
    // Twice, so that the other process has looked for cancellations, too, when both have been
    // found.
    for (let n = 0; n < 2; n++) {
      const events = await start(mine)
      const params = { requestId: 2 }
      await mine.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      while (await events.next());
    }
    writeFileSync(file, '')
    expect((await running.message(it => it.id === 2)).result).toBeDefined()
  })
})

describe('back-pressure holds a function up while the client does not read', () => {
  /** Of 100 KB each: more than all that is between the two may buffer. */
  const TIMES = 1_000
  const many = (file: string) => ({
    name: 'contract',
    arguments: { mode: 'many', times: TIMES, file },
  })

  test.each([
    [
      'in a session',
      async (file: string) =>
        (await openSession(gateway)).post({ ...call(2, 'many'), params: many(file) }),
    ],
    [
      'of revision 2026-07-28',
      (file: string) => {
        const _meta = { ...meta, 'io.modelcontextprotocol/logLevel': 'debug' }
        const headers = {
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'contract',
        }
        const message = { ...call(2, 'many'), params: { ...many(file), _meta } }
        return postMcp(gateway, message, { headers })
      },
    ],
  ])(
    '%s',
    async (_, post) => {
      const file = newFile()
      const written = () => statSync(file).size
      const events = eventsOf(await post(file))
      await events.message(it => it.method === 'notifications/message')
      let before = 0
      let still = 0
      await until(() => {
        still = written() > before ? 0 : still + 1
        before = written()
        return still > 40
      }, 'the function to wait')
      expect(before).toBeLessThan(TIMES / 2)

      let seen = 1
      const { result } = await events.message(it => {
        if (it.method === 'notifications/message') seen++
        return it.id === 2
      })
      expect(result).toMatchObject({ content: [{ text: 'many' }] })
      expect(seen).toBe(TIMES)
    },
    240_000,
  )
})

describe('a request of a client without a session', () => {
  test('gets a response of its own', async () => {
    const response = await gateway.fetch()(new URL('mcp', gateway.mcpUrl), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify(call(2, 'steps')),
    })
    expect((await answerOf(response)).result).toMatchObject({ content: [{ text: 'done' }] })
  })
})
