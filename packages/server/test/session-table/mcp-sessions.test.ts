import { randomBytes } from 'node:crypto'

import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { dynamoMcpSessions } from '../../src/session-table/dynamo-sessions.ts'
import { MAX_SUBSCRIPTIONS } from '../../src/session-table/sessions.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

/** Of another environment each time. */
const make = () => dynamoMcpSessions(emulator.client(), emulator.tables.SessionTable)
async function create() {
  const id = randomBytes(18).toString('base64url')
  const initialize = '{"capabilities":{}}'
  const introduction = { id, owner: 'me', initialize, protocolVersion: '2025-11-25' }
  await make().create({ ...introduction, registrations: '7' })
  return id
}

test('a session is what was said in it, to its owner, in every environment', async () => {
  const id = await create()
  await make().setLogLevel(id, 'error')
  await make().subscribe(id, 'a://b#c.d[0]', 'mark')
  expect(await make().get(id, 'me')).toEqual({
    id,
    owner: 'me',
    initialize: '{"capabilities":{}}',
    protocolVersion: '2025-11-25',
    registrations: '7',
    logLevel: 'error',
    subscriptions: new Map([['a://b#c.d[0]', 'mark']]),
  })
  expect(await make().get(id, 'somebody else')).toBeUndefined()
  await make().unsubscribe(id, 'a://b#c.d[0]')
  expect((await make().get(id, 'me'))?.subscriptions.size).toBe(0)
})

test('a session lasts an hour from when it was used last', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const id = await create()
    for (let n = 0; n < 3; n++) {
      vi.setSystemTime(Date.now() + 50 * 60_000)
      expect(await make().get(id, 'me')).toBeDefined()
    }
    vi.setSystemTime(Date.now() + 61 * 60_000)
    expect(await make().get(id, 'me')).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})

test('a session that was removed is not brought back by what comes late', async () => {
  const id = await create()
  await make().remove(id)
  await make().setLogLevel(id, 'error')
  await make().subscribe(id, 'a://b', 'mark')
  await make().unsubscribe(id, 'a://b')
  expect(await make().get(id, 'me')).toBeUndefined()
})

test('cancelled requests are known by their ids, numbers and strings apart', async () => {
  const [id, other] = [await create(), await create()]
  await make().cancel(id, 1)
  await make().cancel(id, '1')
  await make().cancel(id, 'a "quoted" one')
  expect((await make().cancelled(id)).sort()).toEqual(['1', 'a "quoted" one', 1].sort())
  expect(await make().cancelled(other)).toEqual([])
})

test('there is an end to subscriptions, but not for one that is renewed', async () => {
  const id = await create()
  const sessions = make()
  for (let n = 0; n < MAX_SUBSCRIPTIONS; n++)
    expect(await sessions.subscribe(id, `a://${n}`, '')).toBe(true)
  expect(await sessions.subscribe(id, 'a://one-more', '')).toBe(false)
  expect(await sessions.subscribe(id, 'a://7', 'mark')).toBe(true)
  expect((await sessions.get(id, 'me'))?.subscriptions.get('a://7')).toBe('mark')
})
