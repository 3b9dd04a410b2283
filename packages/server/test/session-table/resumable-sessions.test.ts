import { randomBytes } from 'node:crypto'

import type { RequestId } from '@modelcontextprotocol/server'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'

import { dynamoRelay } from '../../src/session-table/dynamo-relay.ts'
import { dynamoResumableSessions } from '../../src/session-table/dynamo-resumable-sessions.ts'
import { postedRequest } from '../../src/session-table/resumable-sessions.ts'
import { all, take } from '../suites/relay.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())
afterEach(() => vi.useRealTimers())

const options = () => ({
  dynamo: emulator.dynamo(),
  table: emulator.tables.SessionTable,
  pollMs: { busy: 5, idle: 50 },
  leaseSeconds: 45,
})
/** Another environment each time. */
const sessions = () => dynamoResumableSessions(options())
const session = (owner = 'o') => ({ id: `r-${randomBytes(18).toString('base64url')}`, owner })
const none = (): RequestId[] => []
const message = (id: RequestId, more = '') => JSON.stringify({ jsonrpc: '2.0', id, method: more })
const post = (s: ReturnType<typeof session>, id: RequestId, more = '') =>
  sessions().post(s, message(id, more), postedRequest(id, message(id, more)))

const itemOf = async ({ id }: ReturnType<typeof session>) => {
  const { Item = {} } = await emulator.dynamo().getItem({
    TableName: emulator.tables.SessionTable,
    Key: { channel: { S: id }, position: { S: 'session' } },
  })
  return Item
}

test('a request is stored once, in any environment, and its id cannot be used again', async () => {
  const s = session()
  const { inbox } = await sessions().open(s, none)
  expect(await Promise.all([1, 1, 1].map(id => post(s, id)))).toEqual([true, true, true])
  await expect(post(s, 1, 'other')).rejects.toMatchObject({ code: 'conflict' })
  expect(await post(s, '1')).toBe(true)
  expect(await take(inbox, 2)).toEqual([message(1), message('1')])
  expect(await post(s, 1)).toBe(true)
  await sessions().end(s)
  expect(await all(inbox)).toEqual([])
})

test('a request of 1 MB is stored once', async () => {
  const s = session()
  const { inbox } = await sessions().open(s, none)
  const more = 'x'.repeat(1_000_000)
  expect(await Promise.all([post(s, 1, more), post(s, 1, more)])).toEqual([true, true])
  expect(await take(inbox, 1)).toEqual([message(1, more)])
  await sessions().end(s)
  expect(await all(inbox)).toEqual([])
})

test('a long request of a stranger, and one that is stored, write nothing', async () => {
  const s = session()
  await sessions().open(s, none)
  const writes: string[] = []
  const dynamo = emulator.dynamo(send => (operation, input) => {
    if (operation !== 'GetItem') writes.push(operation)
    return send(operation, input)
  })
  const long = message(1, 'x'.repeat(10_000))
  const posted = (owner: string) =>
    dynamoResumableSessions({ ...options(), dynamo }).post(
      { ...s, owner },
      long,
      postedRequest(1, long),
    )
  expect([await posted('another'), writes]).toEqual([false, []])
  expect([await posted('o'), writes]).toEqual([true, ['PutItem', 'UpdateItem']])
  expect([await posted('o'), writes]).toEqual([true, ['PutItem', 'UpdateItem']])
})

test('the id of a request counts among the bytes that wait', async () => {
  const s = session()
  await sessions().open(s, none)
  for (const id of ['short', 'é'.repeat(90)]) {
    const before = Number((await itemOf(s))['waitingBytes']?.N)
    await post(s, id)
    const { inbox, waitingBytes } = await itemOf(s)
    const entry = inbox?.L?.at(-1)?.M ?? {}
    const stored = Object.entries(entry).flatMap(([name, { S = '', N = '' }]) => [name, S, N])
    expect(Number(waitingBytes?.N) - before).toBeGreaterThan(Buffer.byteLength(stored.join('')))
  }
})

test('the keys of old requests, and of more than 256, are forgotten', async () => {
  const s = session()
  const { inbox } = await sessions().open(s, none)
  const names = async () => Object.keys((await itemOf(s))['posted']?.M ?? {}).length
  for (let id = 0; id < 10; id++) await post(s, id)
  await take(inbox, 10)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 130_000 })
  await post(s, 'late')
  expect(await take(inbox, 1)).toEqual([message('late')])
  expect(await names()).toBe(1)
})

test('a request that is settled is forgotten with the next one, and a late copy is refused', async () => {
  const s = session()
  const { inbox } = await sessions().open(s, none)
  const numbered = (id: number, place: { number: number; settled: number }) =>
    sessions().post(s, message(id), postedRequest(id, message(id), place))
  const known = async () => Object.values((await itemOf(s))['posted']?.M ?? {}).length
  for (const number of [1, 2, 3]) await numbered(number, { number, settled: 0 })
  await take(inbox, 3)
  expect(await known()).toBe(3)

  const fourth = { number: 4, settled: 2 }
  await numbered(4, fourth)
  await take(inbox, 1)
  expect(await known()).toBe(2)
  expect(await numbered(3, { number: 3, settled: 0 })).toBe(true)
  for (const number of [1, 2])
    await expect(numbered(number, { number, settled: 0 })).rejects.toMatchObject({
      code: 'conflict',
    })

  // A post that was under way has said less. What is refused stays refused.
  await numbered(5, { number: 5, settled: 1 })
  await take(inbox, 1)
  await expect(numbered(2, { number: 2, settled: 0 })).rejects.toMatchObject({ code: 'conflict' })
  expect(await numbered(4, fourth)).toBe(true)
  await sessions().end(s)
  expect(await all(inbox)).toEqual([])
})

test('a full take forgets more requests than it takes', async () => {
  const s = session()
  const { inbox } = await sessions().open(s, none)
  const known = Array.from({ length: 350 }, (_, n) => [`k${n}`, { S: `hash.${n.toString(36)}` }])
  await emulator.dynamo().updateItem({
    TableName: emulator.tables.SessionTable,
    Key: { channel: { S: s.id }, position: { S: 'session' } },
    UpdateExpression: 'SET posted = :posted',
    ExpressionAttributeValues: { ':posted': { M: Object.fromEntries(known) } },
  })
  for (let id = 0; id < 50; id++) await post(s, id)
  await take(inbox, 50)
  expect(Object.keys((await itemOf(s))['posted']?.M ?? {}).length).toBeLessThan(350)
})

test('the newest stream takes the messages, and learns what earlier ones left open', async () => {
  const s = session()
  const open: RequestId[] = []
  const first = await sessions().open(s, () => open)
  await post(s, 'a')
  await take(first.inbox, 1)
  open.push('a')
  await post(s, 'b')
  await take(first.inbox, 1)

  const second = await sessions().resume(s, none)
  expect([second?.stream, second?.openBefore]).toEqual([2, new Map([[1, ['a', 'b']]])])
  await post(s, 'c')
  expect(await all(first.inbox)).toEqual([])
  expect(await first.inbox.renew()).toBe(false)
  expect(second && (await take(second.inbox, 1))).toEqual([message('c')])

  second?.inbox.forget(1)
  await post(s, 'd')
  expect(second && (await take(second.inbox, 1))).toEqual([message('d')])
  const third = await sessions().resume(s, none)
  expect(third?.openBefore).toEqual(new Map([[2, ['d']]]))
})

test('a session is only for its owner, and ends', async () => {
  const s = session()
  const other = { ...s, owner: 'another' }
  const { inbox } = await sessions().open(s, none)
  expect(await sessions().resume(other, none)).toBeUndefined()
  expect(await sessions().end(other)).toBe(false)
  expect(await post(other, 1)).toBe(false)
  expect(await dynamoRelay(options()).post(s, 'a notification')).toBe(true)
  expect(await sessions().end(s)).toBe(true)
  expect(await post(s, 1)).toBe(false)
  expect(await sessions().resume(s, none)).toBeUndefined()
  expect(await all(inbox)).toEqual([])
})

test('a request that is about to be taken when the session is ended is not delivered', async () => {
  const s = session()
  const dynamo = emulator.dynamo(send => async (operation, input) => {
    const isTake = operation === 'UpdateItem' && JSON.stringify(input).includes('REMOVE inbox')
    if (isTake) await sessions().end(s)
    return send(operation, input)
  })
  const { inbox } = await dynamoResumableSessions({ ...options(), dynamo }).open(s, none)
  await post(s, 1)
  expect(await all(inbox)).toEqual([])
  expect(inbox.isEnded()).toBe(true)
})

test('a session without a stream takes messages for 15 minutes', async () => {
  const s = session()
  await sessions().open(s, none)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 14 * 60_000 })
  expect(await post(s, 1)).toBe(true)
  vi.setSystemTime(Date.now() + 2 * 60_000)
  expect(await post(s, 2)).toBe(false)
  expect(await sessions().resume(s, none)).toBeUndefined()
})
