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

describe('the relay in DynamoDB', () => {
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

  test('a sender that dies between its two writes delays the others by seconds only', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await relay.post(s, 'second')
    expect(await take(inbox, 1)).toEqual(['second'])
  })

  test('a sender that is a little slower keeps its place', async () => {
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
    ['a sender', () => make(), () => make(45, lossyClient())],
    ['a reader', () => make(45, lossyClient()), () => make()],
  ])('a write that %s repeats after a lost response counts once', async (_, reader, poster) => {
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

    // No message was put back for an environment that takes over the stream.
    for await (const message of make().join(s.id).messages(AbortSignal.timeout(500)))
      expect.fail(message)
  })

  /**
   * A client that loses the response to its first attempt at opening or closing a session, or
   * putting or taking a message.
   */
  function lossyClient() {
    const client = emulator.client()
    const repeated = new Set<string>()
    client.middlewareStack.add(
      next => async args => {
        const result = await next(args)
        const written = JSON.stringify(args.input)
        // Queries of the inbox and increments of the counter may be repeated without harm.
        const isMessage = /in#\d/.test(written) && /"Item"|SET taken/.test(written)
        const isSession = /"Item".*"S":"session"|SET closed/.test(written)
        if (!(isMessage || isSession) || repeated.has(written)) return result
        repeated.add(written)
        throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
      },
      { step: 'deserialize', priority: 'low' },
    )
    return client
  }

  test('a message of a very slow sender is delivered late, and once', async () => {
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

  test('an expired message is not delivered, even while the table still has it', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await reserve(s.id)
    await place(s.id, 1, 'stale', -1)
    await relay.post(s, 'fresh')
    expect(await take(inbox, 1)).toEqual(['fresh'])
  })

  test('a session whose lease ran out is gone, even while the table still has it', async () => {
    const relay = make(-1)
    const s = session()
    const inbox = await relay.open(s)
    expect(await relay.post(s, 'too late')).toBe(false)
    await inbox.close()
    expect(await all(inbox)).toEqual([])
  })

  test('renewing does not bring a deleted session back', async () => {
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
