import { randomBytes } from 'node:crypto'

import {
  type AttributeValue,
  DeleteItemCommand,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

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
  /** Sets one attribute of the item of a session. */
  const set = (id: string, path: string, value: AttributeValue) =>
    emulator.client().send(
      new UpdateItemCommand({
        TableName: emulator.tables.SessionTable,
        Key: key(id, 'session'),
        UpdateExpression: `SET ${path} = :value`,
        ExpressionAttributeValues: { ':value': value },
      }),
    )
  const seconds = (fromNow: number) => ({ N: String(Math.floor(Date.now() / 1000) + fromNow) })

  const items = async () => {
    const found: Record<string, AttributeValue>[] = []
    for await (const { Items = [] } of paginateScan(
      { client: emulator.client() },
      { TableName: emulator.tables.SessionTable },
    ))
      found.push(...Items)
    return found
  }

  const itemOf = async (id: string) =>
    (await items()).find(it => it['channel']?.S === id && it['position']?.S === 'session')

  test('a large message that is refused leaves nothing in the table', async () => {
    const s = session()
    expect(await make().post(s, 'x'.repeat(5_000_000))).toBe(false)
    expect((await items()).filter(it => it['channel']?.S?.startsWith(s.id))).toEqual([])
  })

  test('a large message for which there is no room leaves nothing in the table', async () => {
    const s = session()
    await make().open(s)
    await set(s.id, 'waitingBytes', { N: String(300 * 1024) })
    const posted = make().post(s, 'x'.repeat(10_000))
    await expect(posted).rejects.toMatchObject({ code: 'rate_limited' })
    const channels = (await items()).map(it => it['channel']?.S)
    expect(channels.filter(it => it?.startsWith(s.id))).toEqual([s.id])
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

  /** A client whose posts fail: before they are done, or with the response only. */
  function failingClient(isDone: boolean) {
    return emulator.dynamo(send => async (operation, input) => {
      const isPost = JSON.stringify(input).includes('list_append')
      if (isPost && !isDone) throw new Error('throttled')
      const output = await send(operation, input)
      if (isPost) throw new Error('socket hang up')
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
  })

  test('a write that arrives after its sender has given up is refused', async () => {
    const late: (() => Promise<unknown>)[] = []
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      if (!JSON.stringify(input).includes('list_append')) return send(operation, input)
      late.push(() => send(operation, input))
      throw new Error('no response')
    })
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await expect(make(45, dynamo).post(s, 'given up')).rejects.toThrow('no response')
    await expect(late[0]?.()).rejects.toThrow('conditional')
    await relay.post(s, 'second')
    expect(await take(inbox, 1)).toEqual(['second'])
  })

  test('a message whose write has no response is accepted, and delivered once', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    expect(await make(45, failingClient(true)).post(s, 'first')).toBe(true)
    await relay.post(s, 'second')
    expect(await take(inbox, 2)).toEqual(['first', 'second'])
  })

  test('a write that arrives again after its message was taken stores nothing', async () => {
    const sent: (() => Promise<unknown>)[] = []
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      if (JSON.stringify(input).includes('list_append')) sent.push(() => send(operation, input))
      return send(operation, input)
    })
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await make(45, dynamo).post(s, 'first')
    expect(await take(inbox, 1)).toEqual(['first'])
    await expect(sent[0]?.(), 'while its id is kept').rejects.toThrow('conditional')
    for (const n of range(100)) await relay.post(s, `${n}`)
    expect(await take(inbox, 100)).toHaveLength(100)
    const posts = (await itemOf(s.id))?.['posts']?.SS ?? []
    expect(posts.length, 'the ids that are kept').toBeLessThan(60)
    await expect(sent[0]?.(), 'once its id is dropped').rejects.toThrow('conditional')
    await relay.post(s, 'last')
    expect(await take(inbox, 1)).toEqual(['last'])
  })

  test('a sender whose clock is behind can post', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    await set(s.id, 'forgotten', { N: String(Date.now() + 60_000) })
    expect(await relay.post(s, 'from behind')).toBe(true)
    expect(await take(inbox, 1)).toEqual(['from behind'])
  })

  test('more messages than an item holds arrive in order, or are refused', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    const texts = range(60).map(n => `${n} `.padEnd(n % 3 === 0 ? 20_000 : 3_000, 'x'))
    for (const text of texts) expect(await relay.post(s, text)).toBe(true)
    // The item is nearly full: the next message is refused and not lost.
    await set(s.id, 'waitingBytes', { N: String(300 * 1024) })
    await expect(relay.post(s, 'too many')).rejects.toMatchObject({ code: 'rate_limited' })
    await set(s.id, 'waitingBytes', { N: String(40 * 1024) })
    await inbox.close()
    expect(await all(inbox)).toEqual(texts)
  })

  test('messages that were taken together are delivered by the next reading of the inbox', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    for (const n of range(5)) await relay.post(s, `${n}`)
    expect(await take(inbox, 1)).toEqual(['0'])
    expect(await take(inbox, 4)).toEqual(['1', '2', '3', '4'])
  })

  test('a message costs one write to post and one to take, and a poll half a read', async () => {
    const requests: string[] = []
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      const isConsistent = 'ConsistentRead' in input
      requests.push(isConsistent ? `consistent ${operation}` : operation)
      return send(operation, input)
    })
    const relay = make(45, dynamo)
    const s = session()
    const inbox = await relay.open(s)
    requests.length = 0
    await relay.post(s, 'x'.repeat(300))
    expect(requests.splice(0)).toEqual(['UpdateItem'])
    await take(inbox, 1)
    expect(requests).toEqual(['GetItem', 'UpdateItem'])
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

  test('two readers that repeat writes after lost responses get each message once', async () => {
    const s = session()
    await make().open(s)
    const readers = [make(45, await lossyClient()), make(45, await lossyClient())]
    const received: string[] = []
    const done = new AbortController()
    const reading = readers.map(async relay => {
      for await (const message of relay.join(s.id).messages(done.signal))
        if (received.push(message) === 60) done.abort()
    })
    for (const n of range(60)) await make().post(s, `${n}`)
    await Promise.all(reading)
    expect(received.map(Number).sort((a, b) => a - b)).toEqual(range(60))
  })

  /**
   * A client that loses the response to its first attempt at opening or closing a session, or
   * posting or taking a message.
   */
  async function lossyClient() {
    const repeated = new Set<string>()
    const edge = startDynamoEdge(emulator.url, (_, written) => {
      // Reads may be repeated without harm.
      const isWrite = /"Item"|UpdateExpression/.test(written)
      if (!isWrite || repeated.has(written)) return false
      repeated.add(written)
      return true
    })
    return emulator.dynamo(undefined, await edge)
  }

  test('an expired message is not delivered, even while the table still has it', async () => {
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    for (const text of ['stale', 'fresh', 'x'.repeat(10_000)]) await relay.post(s, text)
    await set(s.id, 'inbox[0].expiresAt', seconds(-1))
    await set(s.id, 'inbox[2].expiresAt', seconds(-1))
    await inbox.close()
    expect(await all(inbox)).toEqual(['fresh'])
  })

  test('a message that is stored apart and gone does not hold back the others', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    const relay = make()
    const s = session()
    const inbox = await relay.open(s)
    for (const text of ['x'.repeat(10_000), 'next']) await relay.post(s, text)
    for (const item of (await items()).filter(it => it['channel']?.S?.startsWith(`${s.id}#`)))
      await emulator.client().send(
        new DeleteItemCommand({
          TableName: emulator.tables.SessionTable,
          Key: key(item['channel']?.S ?? '', 'part'),
        }),
      )
    await inbox.close()
    expect(await all(inbox)).toEqual(['next'])
    expect(JSON.stringify(error.mock.calls)).toContain('not in the table')
    error.mockRestore()
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

const range = (count: number) => Array.from({ length: count }, (_, n) => n)
