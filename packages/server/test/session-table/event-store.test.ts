import { randomBytes } from 'node:crypto'

import { QueryCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

/** Of another environment each time. */
const make = (leaseSeconds = 45, dynamo = emulator.client()) =>
  dynamoEventStore(dynamo, emulator.tables.SessionTable, leaseSeconds)
const newAnswer = () => ({
  session: 'session',
  stream: randomBytes(12).toString('base64url'),
})
const texts = (reading: Awaited<ReturnType<ReturnType<typeof make>['read']>>) =>
  reading?.messages.map(it => it.message)

async function rowsOf({ session, stream }: ReturnType<typeof newAnswer>) {
  const { Items = [] } = await emulator.client().send(
    new QueryCommand({
      TableName: emulator.tables.SessionTable,
      KeyConditionExpression: 'channel = :channel',
      ExpressionAttributeValues: { ':channel': { S: `mcp#${session}#${stream}` } },
    }),
  )
  return Items
}

test('what was added is read by another environment, in order, from behind any message', async () => {
  const answer = newAnswer()
  const eventWriter = make().open(answer, [7, 'eight'])
  for (const message of ['one', 'two', 'three']) await eventWriter.add(message)
  await eventWriter.close()

  expect(await make().read(answer, 0)).toEqual({
    messages: [
      { sequence: 1, message: 'one' },
      { sequence: 2, message: 'two' },
      { sequence: 3, message: 'three' },
    ],
    state: 'complete',
    requests: [7, 'eight'],
  })
  expect(texts(await make().read(answer, 2))).toEqual(['three'])
  expect(texts(await make().read(answer, 3))).toEqual([])
})

test('a thousand messages in a row take a few writes, and nobody waits for them', async () => {
  const answer = newAnswer()
  const eventWriter = make().open(answer, [1])
  const messages = Array.from({ length: 1_000 }, (_, n) => JSON.stringify({ n }))
  for (const message of messages) await eventWriter.add(message)
  await eventWriter.close()
  expect((await rowsOf(answer)).length).toBeLessThan(20)
  expect(texts(await make().read(answer, 0))).toEqual(messages)
  expect(texts(await make().read(answer, 990))).toEqual(messages.slice(990))
})

test('a message of 6 MB and many of 100 KB are kept whole, and read piece by piece', async () => {
  const answer = newAnswer()
  const eventWriter = make().open(answer, [1])
  const large = 'é'.repeat(3 * 1024 * 1024)
  const messages = ['first', large, ...Array.from({ length: 30 }, (_, n) => `${n}`.padEnd(100_000))]
  for (const message of messages) await eventWriter.add(message)
  await eventWriter.close()

  const eventStore = make()
  const read: string[] = []
  const states = new Set<string>()
  for (let after = 0; ; ) {
    const reading = await eventStore.read(answer, after)
    if (!reading || reading.messages.length === 0) break
    states.add(reading.state)
    read.push(...reading.messages.map(it => it.message))
    after = reading.messages.at(-1)?.sequence ?? after
  }
  expect(read.length).toBe(messages.length)
  expect(read.every((it, n) => it === messages[n])).toBe(true)
  // As long as there may be more, it does not say that there is not.
  expect([...states]).toEqual(['running', 'complete'])
})

test('a sender that has not been heard of for its lease is lost; one that renews is not', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const answer = newAnswer()
    const eventStore = make(10)
    const eventWriter = eventStore.open(answer, [1])
    await eventWriter.add('one')
    await vi.waitUntil(async () => (await eventStore.read(answer, 0))?.messages.length)
    expect((await eventStore.read(answer, 0))?.state).toBe('running')
    vi.setSystemTime(Date.now() + 9_000)
    await eventWriter.renew()
    vi.setSystemTime(Date.now() + 9_000)
    expect((await eventStore.read(answer, 0))?.state).toBe('running')
    vi.setSystemTime(Date.now() + 2_000)
    expect(await eventStore.read(answer, 0)).toMatchObject({
      state: 'lost',
      messages: [{ message: 'one' }],
    })
    // DynamoDB may delete it days later.
    vi.setSystemTime(Date.now() + 16 * 60_000)
    expect(await eventStore.read(answer, 0)).toBeUndefined()
  } finally {
    vi.useRealTimers()
  }
})

test('an answer that nobody opened is not known', async () => {
  expect(await make().read(newAnswer(), 0)).toBeUndefined()
})

test('a table that fails costs what is kept, and not the answer', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    const dynamo = emulator.client()
    dynamo.middlewareStack.add(
      () => async () => {
        throw new Error('no table today')
      },
      { step: 'finalizeRequest', priority: 'high' },
    )
    const answer = newAnswer()
    const eventWriter = make(45, dynamo).open(answer, [1])
    await eventWriter.add('secret text')
    await eventWriter.close()
    expect(await make().read(answer, 0)).toBeUndefined()
    expect(JSON.stringify(warn.mock.calls)).toContain('no table today')
    expect(JSON.stringify(warn.mock.calls)).not.toContain('secret text')
  } finally {
    warn.mockRestore()
  }
})
