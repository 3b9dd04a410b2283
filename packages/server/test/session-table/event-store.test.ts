import { QueryCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { dynamoEventStore } from '../../src/session-table/dynamo-event-store.ts'
import { eventStoreSuite, newStream, textsOf } from '../suites/event-store.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const make = (leaseSeconds = 45, dynamo = emulator.dynamo()) =>
  dynamoEventStore(dynamo, emulator.tables.SessionTable, leaseSeconds)

describe('the event store in DynamoDB', () => {
  eventStoreSuite(make)

  test('writes a thousand messages with a few items', async () => {
    const stream = newStream()
    const eventWriter = make().open(stream, [1])
    const messages = Array.from({ length: 1_000 }, (_, n) => JSON.stringify({ n }))
    for (const message of messages) await eventWriter.add(message)
    await eventWriter.close()
    expect((await itemsOf(stream)).length).toBeLessThan(20)
    expect(textsOf(await make().read(stream, 0))).toEqual(messages)
    expect(textsOf(await make().read(stream, 990))).toEqual(messages.slice(990))
  })

  test('does not fail the sender when the table fails, and logs no message', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    try {
      const dynamo = emulator.dynamo(() => async () => {
        throw new Error('no table today')
      })
      const stream = newStream()
      const eventWriter = make(45, dynamo).open(stream, [1])
      await eventWriter.add('secret text')
      await eventWriter.close()
      expect(await make().read(stream, 0)).toBeUndefined()
      expect(JSON.stringify(warn.mock.calls)).toContain('no table today')
      expect(JSON.stringify(warn.mock.calls)).not.toContain('secret text')
    } finally {
      warn.mockRestore()
    }
  })
})

test('a failed write does not count for the messages after it', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    let isBroken = true
    const dynamo = emulator.dynamo(send => async (operation, input) => {
      if (operation === 'PutItem' && isBroken) throw new Error('no table today')
      return send(operation, input)
    })
    const eventWriter = make(45, dynamo).open(newStream(), [])
    void eventWriter.add('first')
    expect(await eventWriter.stored()).toBe(false)
    isBroken = false
    void eventWriter.add('second')
    expect(await eventWriter.stored()).toBe(true)
  } finally {
    warn.mockRestore()
  }
})

async function itemsOf({ session, stream }: ReturnType<typeof newStream>) {
  const { Items = [] } = await emulator.client().send(
    new QueryCommand({
      TableName: emulator.tables.SessionTable,
      KeyConditionExpression: 'channel = :channel',
      ExpressionAttributeValues: { ':channel': { S: `mcp#${session}#${stream}` } },
    }),
  )
  return Items
}
