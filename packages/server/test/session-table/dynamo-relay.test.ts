import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { DeleteItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { dynamoRelay } from '../../src/session-table/dynamo-relay.ts'
import { all, relaySuite, take } from '../suites/relay.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const make = (leaseSeconds = 45, dynamo = emulator.client()) =>
  dynamoRelay({
    dynamo,
    table: emulator.tables.SessionTable,
    pollMs: { busy: 5, idle: 50 },
    leaseSeconds,
  })

describe('over DynamoDB', () => {
  relaySuite(async () => make())

  const session = () => ({ id: randomBytes(18).toString('base64url'), owner: 'o' })
  const key = (id: string, position: string) => ({
    channel: { S: id },
    position: { S: position },
  })
  const place = (id: string, n: number, message: string, expiresIn = 60) =>
    emulator.client().send(
      new PutItemCommand({
        TableName: emulator.tables.SessionTable,
        Item: {
          ...key(id, `in#${String(n).padStart(12, '0')}`),
          message: { B: Buffer.from(message) },
          expiresAt: { N: String(Math.floor(Date.now() / 1000) + expiresIn) },
        },
      }),
    )
  const reserve = (id: string) =>
    emulator.client().send(
      new UpdateItemCommand({
        TableName: emulator.tables.SessionTable,
        Key: key(id, 'session'),
        UpdateExpression: 'ADD posted :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      }),
    )

  test('a poster that died between its two writes holds up the others for seconds only', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await relay.post(s, 'second')
    expect(await take(inbox, 1)).toEqual(['second'])
  })

  test('a poster that is a little slower keeps its place', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await relay.post(s, 'second')
    const received = take(inbox, 2)
    await sleep(300)
    await place(s.id, 1, 'first')
    expect(await received).toEqual(['first', 'second'])
  })

  test.each([
    ['a poster', () => make(), () => make(45, deafClient())],
    ['a reader', () => make(45, deafClient()), () => make()],
  ])(
    'what %s writes twice, because the first answer was lost on the way, counts once',
    async (_, reader, poster) => {
      const [receiving, sending] = [reader(), poster()]
      const s = session()
      const inbox = await receiving.open(s)
      const received: string[] = []
      const reading = (async () => {
        for await (const message of inbox.messages(AbortSignal.timeout(20_000)))
          received.push(message)
      })()
      for (const n of [1, 2, 3, 4, 5]) expect(await sending.post(s, `message ${n}`)).toBe(true)
      await inbox.close()
      await reading
      expect(received).toEqual([1, 2, 3, 4, 5].map(n => `message ${n}`))

      // Nor was anything put back, for whoever takes the stream over.
      for await (const message of make().join(s.id).messages(AbortSignal.timeout(500)))
        expect.fail(message)
    },
  )

  /**
   * A client that does not hear the answer to any first attempt to open or close a session, or to put or take a
   * message.
   */
  function deafClient() {
    const client = emulator.client()
    const heard = new Set<string>()
    client.middlewareStack.add(
      next => async args => {
        const result = await next(args)
        const written = JSON.stringify(args.input)
        // Neither the look at the inbox nor the counter: those may be repeated without harm.
        const isMessage = /in#\d/.test(written) && /"Item"|SET taken/.test(written)
        const isSession = /"Item".*"S":"session"|SET closed/.test(written)
        if (!(isMessage || isSession) || heard.has(written)) return result
        heard.add(written)
        throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
      },
      { step: 'deserialize', priority: 'low' },
    )
    return client
  }

  test('a poster that was merely slow is handed out late, and once', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await relay.post(s, 'second')
    const messages = inbox.messages(AbortSignal.timeout(20_000))[Symbol.asyncIterator]()
    expect((await messages.next()).value).toBe('second')
    await place(s.id, 1, 'first')
    expect((await messages.next()).value).toBe('first')
    await relay.post(s, 'third')
    expect((await messages.next()).value).toBe('third')
  })

  test('a message that nobody took in time is not handed out, though the table still has it', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await place(s.id, 1, 'stale', -1)
    await relay.post(s, 'fresh')
    expect(await take(inbox, 1)).toEqual(['fresh'])
  })

  test('a session whose holder stopped renewing is gone, though the table still has it', async () => {
    const relay = make(-1)
    const s = session()
    const inbox = await relay.open(s)
    expect(await relay.post(s, 'nobody listens')).toBe(false)
    await inbox.close()
    expect(await all(inbox)).toEqual([])
  })

  test('a session deleted under its holder cannot be renewed back to life', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await emulator.client().send(
      new DeleteItemCommand({
        TableName: emulator.tables.SessionTable,
        Key: key(s.id, 'session'),
      }),
    )
    expect(await inbox.renew()).toBe(false)
    expect(await relay.post(s, 'x')).toBe(false)
  })
})
