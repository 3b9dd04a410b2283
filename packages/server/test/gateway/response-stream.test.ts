import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'
import { createResponseStream } from '../../src/gateway/streamable/response-stream.ts'
import type { HttpResponse } from '../../src/http/http-request.ts'
import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { dynamoMcpSessions } from '../../src/session-table/dynamo-sessions.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const response = (id: number) => `{"result":{},"jsonrpc":"2.0","id":${id}}`
const progress = {
  jsonrpc: '2.0' as const,
  method: 'notifications/progress',
  params: { progressToken: 't', progress: 1 },
}

/** Responds to a call after so long, and returns what was written and sent. */
async function respondAfter(ms: number, { protocolVersion = '2025-11-25', isNoisy = false } = {}) {
  const writes: string[] = []
  const dynamo = emulator.dynamo(next => async (operation, input) => {
    if (/^(Put|Update|Delete)Item$/.test(operation)) writes.push(operation)
    return next(operation, input)
  })
  const table = emulator.tables.SessionTable
  const sessions = dynamoMcpSessions(dynamo, table)
  const id = randomUUID()
  await sessions.create({ id, owner: 'me', initialize: '{}', protocolVersion, registrations: '1' })
  const session = await sessions.get(id, 'me')
  if (!session) throw new Error('there is no session')
  writes.length = 0
  const stream = createResponseStream(
    {
      session,
      requests: [{ id: 1, method: 'tools/call' }],
      sessions,
      eventStore: dynamoEventStore(dynamo, table, 16),
      heartbeatSeconds: 15,
      requestId: 'request',
      receivedAt: Date.now(),
      timeMs: 60_000,
    },
    () => {},
  )
  const body = bodyOf(await Promise.race([stream.response, sent()]))
  await stream.ended
  return { writes, body: await body }

  async function sent() {
    if (isNoisy) await stream.send(progress)
    await sleep(ms)
    await stream.respond(1, response(1))
    return stream.response
  }
}

async function bodyOf(it: HttpResponse) {
  if (!('writeTo' in it)) return it.text as string
  const out = new PassThrough()
  const [body] = await Promise.all([text(out), it.writeTo(out)])
  return body
}

test('a response that is ready at once writes nothing', async () => {
  const { writes, body } = await respondAfter(0)
  expect(writes).toEqual([])
  expect(body).toBe(`event: message\ndata: ${response(1)}\n\n`)
})

test('a response that comes later is one write', async () => {
  const { writes, body } = await respondAfter(400)
  expect(writes).toEqual(['UpdateItem'])
  expect(body).toMatch(/^id: [\w-]{16}\.0\.\d+\.[\w-]+\ndata: \n\n/)
  expect(body).toContain(response(1))
})

test('a response that comes later writes nothing where no client can resume it', async () => {
  const { writes, body } = await respondAfter(400, { protocolVersion: '2025-06-18' })
  expect(writes).toEqual([])
  expect(body).toBe(`event: message\ndata: ${response(1)}\n\n`)
})

test('a call of some seconds is in flight until its response', async () => {
  const { writes } = await respondAfter(2_300)
  // In flight; no longer in flight; the response.
  expect(writes).toEqual(['UpdateItem', 'UpdateItem', 'UpdateItem'])
})

test('a message before the response is stored, and the call is in flight at once', async () => {
  const { writes, body } = await respondAfter(50, { isNoisy: true })
  expect(writes.filter(it => it === 'PutItem')).toHaveLength(1)
  expect(writes).toHaveLength(5)
  expect(body).toMatch(/^id: .*\ndata: \n\nid: [\w-]{16}\.1\nevent: message\n/)
})
