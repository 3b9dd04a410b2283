import { randomUUID } from 'node:crypto'

import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { dynamoOpenStreams } from '../../src/session-table/dynamo-open-streams.ts'
import type { OpenStream, Probe } from '../../src/session-table/open-streams.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

const timeMs = 900_000
const session = (id: string): Probe => ({ via: 'session', id })

/** As one environment counts. `probe` is called where it asks another one to ping its client. */
const environment = (max: number, probe: (id: string) => Promise<boolean> = async () => true) =>
  dynamoOpenStreams({
    dynamo: emulator.dynamo(),
    table: emulator.tables.SessionTable,
    relay: { post: ({ id }) => probe(id) },
    sessions: { probe },
    maxStreamsPerCaller: max,
  })

test('environments that race never open more streams than the limit', async () => {
  const owner = randomUUID()
  const opened = await Promise.all(
    Array.from({ length: 12 }, () => environment(3).open({ owner, timeMs })),
  )
  expect(opened.filter(Boolean).length).toBeLessThanOrEqual(3)
  // A race may refuse all. One after the other fill the rest.
  for (let n = 0; n < 4; n++) opened.push(await environment(3).open({ owner, timeMs }))
  expect(opened.filter(Boolean)).toHaveLength(3)
  expect(await environment(3).open({ owner: randomUUID(), timeMs })).toBeDefined()
})

test('a stream that has ended makes room', async () => {
  const owner = randomUUID()
  const first = await environment(1).open({ owner, timeMs })
  expect(await environment(1).open({ owner, timeMs })).toBeUndefined()
  await first?.close()
  // A renewal that comes late does not bring it back.
  await first?.answer({ lastSignAt: Date.now(), isBusy: false })
  expect(await environment(1).open({ owner, timeMs })).toBeDefined()
})

test('a stream whose environment was killed counts until its lease is over', async () => {
  const owner = randomUUID()
  await environment(1).open({ owner, timeMs })
  const client = emulator.client()
  const TableName = emulator.tables.SessionTable
  const { Items = [] } = await client.send(new ScanCommand({ TableName }))
  const entry = Items.find(it => it['channel']?.S === `streams#${owner}`)
  const lease = Number(entry?.['expiresAt']?.N) - Date.now() / 1000
  expect(lease).toBeGreaterThan(60)
  expect(lease).toBeLessThanOrEqual(75)
  expect(await environment(1).open({ owner, timeMs })).toBeUndefined()
  const over = { N: String(Math.floor(Date.now() / 1000)) }
  await client.send(new PutItemCommand({ TableName, Item: { ...entry, expiresAt: over } }))
  expect(await environment(1).open({ owner, timeMs })).toBeDefined()
})

test('at the limit the stream that is quiet for longest, without an open call, is asked', async () => {
  const owner = randomUUID()
  const asked: string[] = []
  const streams = new Map<string, OpenStream | undefined>()
  const at = Date.now()
  const signs = { busy: at - 5_000, longest: at - 3_000, shorter: at - 1_000 }
  for (const [id, lastSignAt] of Object.entries(signs)) {
    const opened = await environment(4).open({ owner, timeMs, probe: session(id) })
    await opened?.answer({ lastSignAt, isBusy: id === 'busy' })
    streams.set(id, opened)
  }
  await environment(4).open({ owner, timeMs })

  const hasAnswered = environment(4, async id => {
    asked.push(id)
    await streams.get(id)?.answer({ lastSignAt: Date.now(), isBusy: false })
    return true
  })
  expect(await hasAnswered.open({ owner, timeMs })).toBeUndefined()
  const hasLeft = environment(4, async id => {
    asked.push(id)
    await streams.get(id)?.close()
    return true
  })
  expect(await hasLeft.open({ owner, timeMs })).toBeDefined()
  expect(asked).toEqual(['longest', 'shorter'])
})

test('a stream whose session is gone makes room', async () => {
  const owner = randomUUID()
  await environment(1).open({ owner, timeMs, probe: session('gone') })
  expect(await environment(1, async () => false).open({ owner, timeMs })).toBeDefined()
})

test('without a limit nothing is stored', async () => {
  const owner = randomUUID()
  expect(await environment(0).open({ owner, timeMs })).toBeDefined()
  const client = emulator.client()
  const { Items = [] } = await client.send(
    new ScanCommand({ TableName: emulator.tables.SessionTable }),
  )
  expect(Items.filter(it => it['channel']?.S?.includes(owner))).toEqual([])
})
