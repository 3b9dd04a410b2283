import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  type AttributeValue,
  DeleteItemCommand,
  PutItemCommand,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { dynamoRelay } from '../../src/session-table/dynamo-relay.ts'
import { all, relaySuite, take } from '../suites/relay.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { startDynamoEdge } from '../support/dynamodb-edge.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const make = (leaseSeconds = 45, dynamo = emulator.dynamo()) =>
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

  const items = async () => {
    const found: Record<string, AttributeValue>[] = []
    for await (const { Items = [] } of paginateScan(
      { client: emulator.client() },
      { TableName: emulator.tables.SessionTable },
    ))
      found.push(...Items)
    return found
  }

  test('a large message that is refused leaves nothing in the table', async () => {
    const s = session()
    expect(await make().post(s, 'x'.repeat(5_000_000))).toBe(false)
    expect((await items()).filter(it => it['channel']?.S?.startsWith(s.id))).toEqual([])
  })

  test('the parts of a large message have partition keys of their own', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await relay.post(s, 'x'.repeat(2_000_000))
    const channels = (await items())
      .map(it => it['channel']?.S ?? '')
      .filter(it => it.includes(s.id))
    const parts = channels.filter(it => it !== s.id)
    expect(parts).toHaveLength(6)
    expect(new Set(parts).size).toBe(6)
    expect((await take(inbox, 1))[0]).toHaveLength(2_000_000)
  })

  /** A client whose writes of messages fail: before they are done, or with the response only. */
  function failingClient(isDone: boolean) {
    return emulator.dynamo(send => async (operation, input) => {
      const text = JSON.stringify(input)
      const isMessage = /"Item".*in#\d/.test(text) && !text.includes('given up')
      if (isMessage && !isDone) throw new Error('throttled')
      const output = await send(operation, input)
      if (isMessage) throw new Error('socket hang up')
      return output
    })
  }

  test('a message whose write fails is not taken, and holds no later message back', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await expect(make(45, failingClient(false)).post(s, 'first')).rejects.toThrow('throttled')
    await relay.post(s, 'second')
    expect(await take(inbox, 1)).toEqual(['second'])
    // The position stays closed for a write that was only late.
    expect(
      (await items()).find(
        it => it['position']?.S === `in#${'1'.padStart(12, '0')}` && it['channel']?.S === s.id,
      ),
    ).toMatchObject({ taken: { S: 'given up' } })
  })

  test('a message whose write has no response is accepted, and delivered once', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    expect(await make(45, failingClient(true)).post(s, 'first')).toBe(true)
    await relay.post(s, 'second')
    expect(await take(inbox, 2)).toEqual(['first', 'second'])
  })

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
    ['a sender', async () => make(), async () => make(45, await lossyClient())],
    ['a reader', async () => make(45, await lossyClient()), async () => make()],
  ])('a write that %s repeats after a lost response counts once', async (_, reader, poster) => {
    const [receiving, sending] = [await reader(), await poster()]
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
  async function lossyClient() {
    const repeated = new Set<string>()
    const edge = startDynamoEdge(emulator.url, (_, written) => {
      // Queries of the inbox and increments of the counter may be repeated without harm.
      const isMessage = /in#\d/.test(written) && /"Item"|SET taken/.test(written)
      const isSession = /"Item".*"S":"session"|SET closed/.test(written)
      if (!(isMessage || isSession) || repeated.has(written)) return false
      repeated.add(written)
      return true
    })
    return emulator.dynamo(undefined, await edge)
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
