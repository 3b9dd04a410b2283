import {
  BatchWriteItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { toKey, toRow, VERSION_ROW } from '../../src/registry/row.ts'
import { tool } from '../suites/registry.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

const F = 'arn:aws:lambda:us-east-1:000000000000:function:f'
const G = 'arn:aws:lambda:us-east-1:000000000000:function:g'
const a = { type: 'tool', name: 'a' } as const

let emulator: Emulator
let table: string
beforeEach(async () => {
  emulator = await startDynamo()
  table = emulator.tables.RegistrationTable
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await emulator.close()
})

const open = (around?: (send: SendOperation) => SendOperation) =>
  dynamoRegistry(emulator.dynamo(around), table)

async function rowsOf(type: string) {
  const { Items = [] } = await emulator.client().send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: '#type = :type',
      ExpressionAttributeNames: { '#type': 'type' },
      ExpressionAttributeValues: { ':type': { S: type } },
    }),
  )
  return Items
}
const functionRows = async (arn = F) =>
  (await rowsOf(`#function ${arn}`)).map(it => it['name']?.S?.split(' ')[0])

/** What `operation` was asked, in order. Before the operation numbered `n`, the writer dies. */
function dying(n: number) {
  let count = 0
  return open(send => async (operation, input) => {
    if (count++ >= n) throw new Error('the environment was stopped')
    return send(operation, input)
  })
}

function later(ms = 601_000) {
  vi.useFakeTimers({ now: Date.now() + ms, toFake: ['Date'] })
}

describe('the rows of a function', () => {
  test('are those of its registrations', async () => {
    const registry = open()
    await registry.create(tool('a', { lambdaArn: F }))
    await registry.create(tool('b', { lambdaArn: F }))
    await registry.replace(tool('a', { lambdaArn: F, version: 2 }), 1)
    expect(await functionRows()).toEqual(['tool-a', 'tool-b'])
    await registry.create(tool('b', { lambdaArn: G }))
    await registry.replace(tool('a', { lambdaArn: G, version: 3 }), 2)
    expect([await functionRows(), await functionRows(G)]).toEqual([['tool-b'], ['tool-a']])
    await registry.remove(a, 3)
    await registry.remove({ ...a, name: 'b' }, 1)
    expect([await functionRows(), await functionRows(G)]).toEqual([[], []])
  })

  test('a writer that dies at any moment leaves no registration without its row', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    for (let n = 0; n < 6; n++) {
      const name = `n${n}`
      const key = { ...a, name }
      const lambdaArn = `${F}:${n}`
      await dying(n)
        .create(tool(name, { lambdaArn }))
        .catch(() => {})
      expect(await open().isUsed(lambdaArn)).toBe((await open().get(key)) !== undefined)
      await open().create(tool(name, { lambdaArn }))
      const [, moved] = [await open().isUsed(lambdaArn), `${G}:${n}`]
      await dying(n)
        .replace(tool(name, { lambdaArn: moved, version: 2 }), 1)
        .catch(() => {})
      const now = await open().get(key)
      expect(await open().isUsed(lambdaArn)).toBe(now?.lambdaArn === lambdaArn)
      expect(await open().isUsed(moved)).toBe(now?.lambdaArn === moved)
      await dying(n)
        .remove(key, now?.version ?? 0)
        .catch(() => {})
      const left = await open().get(key)
      expect(await open().isUsed(now?.lambdaArn ?? '')).toBe(left !== undefined)
    }
  })

  test('a row that a dead writer has left is deleted once its call is certainly over', async () => {
    // The row of its function and that of the change are written first.
    await dying(2)
      .create(tool('a', { lambdaArn: F }))
      .catch(() => {})
    expect(await functionRows()).toEqual(['tool-a'])
    expect(await open().isUsed(F)).toBe(false)
    // Its writer may still write the registration.
    expect(await functionRows()).toEqual(['tool-a'])
    later()
    expect(await open().isUsed(F)).toBe(false)
    expect(await functionRows()).toEqual([])
  })

  test('a row of a registration that is being written is not deleted', async () => {
    let release = () => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    let reach = () => {}
    const reached = new Promise<void>(resolve => {
      reach = resolve
    })
    const slow = open(send => async (operation, input) => {
      if (operation === 'PutItem' && 'ConditionExpression' in input) {
        reach()
        await released
      }
      return send(operation, input)
    })
    const created = slow.create(tool('a', { lambdaArn: F }))
    await reached
    expect(await open().isUsed(F)).toBe(false)
    release()
    expect(await created).toBe(true)
    expect(await open().isUsed(F)).toBe(true)
  })

  test('two writers of one registration never delete the row of the other', async () => {
    for (let n = 0; n < 10; n++) {
      await open().create(tool('a', { lambdaArn: F }))
      const moves = [G, G, F, G].map((lambdaArn, n) =>
        open().replace(tool('a', { lambdaArn, version: 2, description: `${n}` }), 1),
      )
      expect((await Promise.all(moves)).filter(Boolean)).toHaveLength(1)
      const now = await open().get(a)
      expect(await functionRows(now?.lambdaArn)).toEqual(['tool-a'])
      expect(await functionRows(now?.lambdaArn === F ? G : F)).toEqual([])
      await open().remove(a, 2)
    }
  })

  test('a registration counts although the row of the function before could not be deleted', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const registry = open(send => async (operation, input) => {
      if (operation === 'DeleteItem' && !('ConditionExpression' in input)) throw new Error('cut')
      return send(operation, input)
    })
    await registry.create(tool('a', { lambdaArn: F }))
    expect(await registry.replace(tool('a', { lambdaArn: G, version: 2 }), 1)).toBe(true)
    expect(warn).toHaveBeenCalledOnce()
    expect([await registry.isUsed(F), await registry.isUsed(G)]).toEqual([false, true])
  })
})

/** Writes as versions without these rows do: the registration, then the count of the change. */
async function writeAsBefore(names: string[], lambdaArn: string, version = 1) {
  const client = emulator.client()
  const requests = names.map(name => {
    const { inputSchema: _, ...small } = tool(name, { lambdaArn, version })
    return { PutRequest: { Item: toRow({ ...small, inputSchema: { type: 'object' } }) } }
  })
  for (let n = 0; n < requests.length; n += 25)
    await client.send(
      new BatchWriteItemCommand({ RequestItems: { [table]: requests.slice(n, n + 25) } }),
    )
  await client.send(
    new UpdateItemCommand({
      TableName: table,
      Key: VERSION_ROW,
      UpdateExpression: 'ADD changes :count',
      ExpressionAttributeValues: { ':count': { N: String(names.length) } },
    }),
  )
}

describe('a table that an earlier version has written', () => {
  /** Counts the rows that are read, and written late. */
  function counting() {
    const counts = { read: 0, late: 0 }
    const registry = open(send => async (operation, input) => {
      const output = (await send(operation, input)) as { Items?: object[]; Item?: object }
      counts.read += output.Items?.length ?? (output.Item ? 1 : 0)
      const { Item } = input as { Item?: { name: { S: string } } }
      if (operation === 'PutItem' && Item?.name.S.endsWith(' -')) counts.late++
      return output
    })
    return { counts, registry }
  }

  test('has every function in use at once, and is read in whole only once', async () => {
    await writeAsBefore(
      Array.from({ length: 29 }, (_, n) => `n${n}`),
      F,
    )
    await writeAsBefore(['z'], G)
    const { counts, registry } = counting()
    expect([await registry.isUsed(G), await registry.isUsed(F)]).toEqual([true, true])
    expect(counts.late).toBe(30)
    counts.read = 0
    expect(await registry.isUsed(`${F}:other`)).toBe(false)
    expect([await registry.isUsed(G), await registry.isUsed(F)]).toEqual([true, true])
    expect(counts.read).toBeLessThanOrEqual(8)
  })

  test('has rows written for some registrations at a time, and no answer is wrong meanwhile', async () => {
    const many = Array.from({ length: 1_150 }, (_, n) => `n${String(n).padStart(4, '0')}`)
    await writeAsBefore(many, F)
    await writeAsBefore(['z'], G)
    const seen: number[] = []
    const [unused, created] = [`${F}:unused`, `${G}:created`]
    for (const [lambdaArn, isUsed] of [
      [unused, false],
      [G, true],
      [created, true],
      [unused, false],
    ] as const) {
      // Another environment each time.
      const { counts, registry } = counting()
      expect(await registry.isUsed(lambdaArn)).toBe(isUsed)
      seen.push(counts.late)
      if (seen.length === 1) await registry.create(tool('created', { lambdaArn: created }))
    }
    for (const late of seen) expect(late).toBeLessThanOrEqual(600)
    expect(seen.reduce((sum, late) => sum + late)).toBe(1_151)
    const { counts, registry } = counting()
    expect(await registry.isUsed(unused)).toBe(false)
    expect(counts).toEqual({ read: 1, late: 0 })
    expect(await functionRows(G)).toEqual(['tool-z'])
  }, 60_000)

  test('may be written by it again after a rollback', async () => {
    await writeAsBefore(['a'], F)
    expect(await open().isUsed(F)).toBe(true)
    await open().create(tool('b', { lambdaArn: F }))
    // Both writes lose the row, or have another function than their row says.
    await writeAsBefore(['a'], G, 2)
    await writeAsBefore(['b'], G, 2)
    expect([await open().isUsed(F), await open().isUsed(G)]).toEqual([false, true])
    await open().replace(tool('a', { lambdaArn: F, version: 3 }), 2)
    await open().remove({ ...a, name: 'b' }, 2)
    expect([await open().isUsed(F), await open().isUsed(G)]).toEqual([true, false])
  })

  test('loses the late row of a registration that is gone', async () => {
    await writeAsBefore(['a'], F)
    expect(await open().isUsed(F)).toBe(true)
    expect(await functionRows()).toEqual(['tool-a'])
    await open().remove(a, 1)
    later()
    expect(await open().isUsed(F)).toBe(false)
    expect(await functionRows()).toEqual([])
  })
})

test('a function that a person has written into a row is used after it was recorded', async () => {
  const registry = open()
  await registry.create(tool('a', { lambdaArn: F }))
  expect(await registry.isUsed(G)).toBe(false)
  const [row = {}] = await rowsOf('tool')
  const Item = { ...row, ...toRow(tool('a', { lambdaArn: G })), ...toKey(a) }
  await emulator.client().send(new PutItemCommand({ TableName: table, Item }))
  const written = await registry.get(a)
  if (!written) throw new Error('the registration is gone')
  await registry.recordFunction(written)
  await registry.recordFunction(written)
  expect([await registry.isUsed(F), await registry.isUsed(G)]).toEqual([false, true])
  expect(await functionRows(G)).toEqual(['tool-a'])
})

test('a writer that takes the contract mcp away leaves the row of one that gives it back', async () => {
  const registry = open()
  await registry.create(tool('a', { contract: 'mcp' }))
  const slow = open(send => async (operation, input) => {
    const { Key } = input as { Key?: { type?: { S: string } } }
    if (operation === 'DeleteItem' && Key?.type?.S === '#mcp')
      expect(await registry.replace(tool('a', { version: 3, contract: 'mcp' }), 2)).toBe(true)
    return send(operation, input)
  })
  expect(await slow.replace(tool('a', { version: 2 }), 1)).toBe(true)
  expect(await registry.usesMcpContract()).toBe(true)
  expect(await rowsOf('#mcp')).toHaveLength(1)
  await registry.remove(a, 3)
  expect(await registry.usesMcpContract()).toBe(false)
})
