import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { createCachedRegistry } from '../../src/registry/cached.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { VERSION_ROW } from '../../src/registry/row.ts'
import { tool } from '../suites/registry.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

// Only the clock is fake: the emulator answers in its own time.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

interface Operation {
  name: string
  input: Record<string, unknown>
}

/** Records what a client asks of the table. */
const recording =
  (operations: Operation[]) =>
  (send: SendOperation): SendOperation =>
  (name, input) => {
    operations.push({ name, input: input as Record<string, unknown> })
    return send(name, input)
  }

async function followed() {
  const { dynamo, tables } = emulator
  const writer = dynamoRegistry(dynamo(), tables.RegistrationTable)
  const operations: Operation[] = []
  const reading = dynamo(recording(operations))
  const registry = createCachedRegistry(dynamoRegistry(reading, tables.RegistrationTable))
  const look = async () => {
    vi.setSystemTime(Date.now() + 1_100)
    operations.length = 0
    const snapshot = await registry.follow(550)
    return { snapshot, operations: [...operations] }
  }
  return { writer, registry, look }
}

const isOfType = (type: string) => (it: Operation) =>
  JSON.stringify(it.input['ExpressionAttributeValues'] ?? '').includes(`"${type}"`)

test('a quiet look is one eventually consistent read of the registry version', async () => {
  const { writer, registry, look } = await followed()
  for (const name of ['b', 'd', 'f']) await writer.create(tool(`quiet-${name}`))
  const first = await registry.snapshot()
  const { snapshot, operations } = await look()
  expect(snapshot).toBe(first)
  expect(operations).toEqual([
    {
      name: 'GetItem',
      input: expect.objectContaining({ Key: VERSION_ROW, ConsistentRead: false }),
    },
  ])
})

test('only the first read of the version is consistent, and one that must be new', async () => {
  const { dynamo, tables } = emulator
  const operations: Operation[] = []
  const reading = dynamo(recording(operations))
  const registry = createCachedRegistry(dynamoRegistry(reading, tables.RegistrationTable))
  await registry.version()
  vi.setSystemTime(Date.now() + 1_100)
  await registry.version()
  await registry.version(0)
  expect(operations.map(it => it.input['ConsistentRead'])).toEqual([true, false, true])
})

test('changed rows are read, and no others', async () => {
  const { writer, registry, look } = await followed()
  const names = ['b', 'd', 'f'].map(it => `changed-${it}`)
  for (const name of names) await writer.create(tool(name))
  const all = [...(await registry.snapshot()).tool.keys()]
  expect(all).toEqual(expect.arrayContaining(names))

  // What was written shortly before the snapshot is read once more with the first change.
  vi.setSystemTime(Date.now() + 200_000)
  await look()
  await writer.create(tool('changed-c'))
  await writer.replace(tool('changed-d', { version: 2, description: 'new' }), 1)
  await writer.remove({ type: 'tool', name: 'changed-f' }, 1)
  const { snapshot, operations } = await look()
  const now = [...snapshot.tool.keys()].filter(it => it.startsWith('changed'))
  expect(now).toEqual(['changed-b', 'changed-c', 'changed-d'])
  expect(snapshot.tool.get('changed-d')).toMatchObject({ description: 'new' })
  expect(operations.filter(isOfType('tool'))).toEqual([])
  // The version, the changes, and three rows.
  expect(operations.map(it => it.name).sort()).toEqual([
    ...Array.from({ length: 4 }, () => 'GetItem'),
    'Query',
  ])
})

test('a change whose writer died before it was counted is seen within a minute', async () => {
  const { writer, registry, look } = await followed()
  await writer.create(tool('uncounted'))
  const before = await registry.snapshot()
  const { dynamo, tables } = emulator
  const dying = dynamo(send => async (name, input) => {
    const { UpdateExpression = '' } = input as { UpdateExpression?: string }
    if (UpdateExpression.startsWith('ADD changes')) throw new Error('killed')
    return send(name, input)
  })
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await dynamoRegistry(dying, tables.RegistrationTable).remove(
    { type: 'tool', name: 'uncounted' },
    1,
  )
  expect(warn).toHaveBeenCalled()
  expect((await look()).snapshot).toBe(before)
  vi.setSystemTime(Date.now() + 60_000)
  const { snapshot, operations } = await look()
  expect(snapshot.tool.has('uncounted')).toBe(false)
  expect(operations.filter(isOfType('tool'))).toEqual([])
})

test('all rows are read where a counted change was not recorded', async () => {
  const { writer, registry, look } = await followed()
  await writer.create(tool('by-hand'))
  await registry.snapshot()
  const { dynamo, tables } = emulator
  const unrecorded = dynamo(send => async (name, input) => {
    const { Item } = input as { Item?: { type?: { S?: string } } }
    return Item?.type?.S === '#change' ? {} : send(name, input)
  })
  const changed = tool('by-hand', { version: 2, description: 'new' })
  await dynamoRegistry(unrecorded, tables.RegistrationTable).replace(changed, 1)
  const { snapshot } = await look()
  expect(snapshot.tool.get('by-hand')).toMatchObject({ description: 'new' })
})
