import { readFileSync } from 'node:fs'

import { PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
import { afterEach, describe, expect, test, vi } from 'vitest'

import type { KeysToRead, SendOperation } from '../../src/dynamodb/dynamodb.ts'
import { dynamoRegistry } from '../../src/registry/dynamo.ts'
import { all, registrySuite, tool } from '../suites/registry.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'
import { startDynamoEdge } from '../support/dynamodb-edge.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

const emulators: Emulator[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(emulators.splice(0).map(emulator => emulator.close()))
})

async function start(around?: (send: SendOperation) => SendOperation) {
  const emulator = await startDynamo()
  emulators.push(emulator)
  const table = emulator.tables.RegistrationTable
  const registry = dynamoRegistry(emulator.dynamo(around), table)
  return { emulator, dynamo: emulator.client(), table, registry }
}

describe('the registry in DynamoDB', () => {
  registrySuite(async () => {
    const { emulator, table, registry } = await start()
    return [registry, dynamoRegistry(emulator.dynamo(), table)]
  })

  test('the list reads only the pages that are used', async () => {
    const pages: { LastEvaluatedKey?: object }[] = []
    const { registry } = await start(send => async (operation, input) => {
      const output = await send(operation, input)
      if (operation === 'Query') pages.push(output as object)
      return output
    })
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await registry.create(tool(name, { description: 'x'.repeat(300_000) }))
    for await (const { name } of registry.list()) if (name === 'b') break
    expect(pages).toHaveLength(1)
    expect(pages[0]?.LastEvaluatedKey).toBeDefined()
  })

  test('rows without a valid registration are ignored and logged once', async () => {
    const { dynamo, table, registry } = await start()
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const row = (name: string, registration?: string) =>
      dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            type: { S: 'tool' },
            name: { S: name },
            version: { N: '1' },
            ...(registration === undefined ? {} : { registration: { S: registration } }),
          },
        }),
      )
    await registry.create(tool('right'))
    await row('by-hand')
    await row('cut', JSON.stringify(tool('cut')).slice(0, 90))
    await row('null', 'null')
    await row('copied', JSON.stringify(tool('other')))
    await row('arn', JSON.stringify(tool('arn', { lambdaArn: 'not-an-arn' })))
    await row('schema', JSON.stringify({ ...tool('schema'), inputSchema: undefined }))

    expect((await all(registry.list())).map(({ name }) => name)).toEqual(['right'])
    await all(registry.list())
    expect(await registry.get({ type: 'tool', name: 'by-hand' })).toBeUndefined()
    expect(warn.mock.calls.map(([entry]) => entry.row)).toEqual([
      'tool/arn@1',
      'tool/by-hand@1',
      'tool/copied@1',
      'tool/cut@1',
      'tool/null@1',
      'tool/schema@1',
    ])
    expect(await registry.create(tool('by-hand'))).toBe(true)
  })

  test('a registration is written although the change could not be counted', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    // Network failure: the second write of a change is never sent.
    const { registry } = await start(send => async (operation, input) => {
      if (operation === 'UpdateItem') throw new Error('cut off')
      return send(operation, input)
    })
    expect(await registry.create(tool('a'))).toBe(true)
    expect(await registry.get({ type: 'tool', name: 'a' })).toEqual(tool('a'))
    expect(warn).toHaveBeenCalledOnce()
  })

  test('a write that is repeated after a lost response counts as done', async () => {
    const { emulator, table, registry: other } = await start()
    let meanwhile = async () => {}
    const sent: string[] = []
    const edge = await startDynamoEdge(emulator.url, async (operation, body) => {
      // A registration, and not the row of its function.
      if (!body.includes('ConditionExpression')) return false
      const first = !sent.includes(operation)
      sent.push(operation)
      if (!first || !/^(Put|Delete)Item/.test(operation)) return false
      await meanwhile()
      return true
    })
    const registry = dynamoRegistry(emulator.dynamo(undefined, edge), table)
    expect(await registry.create(tool('a'))).toBe(true)
    expect(sent.filter(name => name === 'PutItem')).toHaveLength(2)
    sent.length = 0
    expect(await registry.replace(tool('a', { version: 2 }), 1)).toBe(true)
    expect(await registry.remove({ type: 'tool', name: 'a' }, 2)).toBe(true)
    expect((await other.version()).registrations).toBe('3')

    // Unless another writer has written in between.
    sent.length = 0
    meanwhile = async () => {
      await other.replace(tool('a', { version: 2 }), 1)
    }
    expect(await registry.create(tool('a'))).toBe(false)
    expect((await other.get({ type: 'tool', name: 'a' }))?.version).toBe(2)
  })

  test('a resource update is written before it is counted, and expires after a day', async () => {
    const sent: string[] = []
    const { dynamo, table, registry } = await start(send => async (operation, input) => {
      const output = await send(operation, input)
      sent.push(operation)
      return output
    })
    await registry.announceUpdate('notes://today')
    expect(sent).toEqual(['PutItem', 'UpdateItem'])

    const { Items: rows = [] } = await dynamo.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: '#type = :type',
        ExpressionAttributeNames: { '#type': 'type' },
        ExpressionAttributeValues: { ':type': { S: '#announced' } },
      }),
    )
    expect(rows).toHaveLength(1)
    const seconds = Number(rows[0]?.['expiresAt']?.N) - Date.now() / 1000
    expect(seconds).toBeGreaterThan(86_340)
    expect(seconds).toBeLessThanOrEqual(86_400)
    expect(template).toMatch(/RegistrationTable:(?:\n {4}.*)*\n {8}AttributeName: expiresAt\n/)
  })

  test('a resource update that could not be counted fails and can be repeated', async () => {
    let cut = true
    // Network failure: the second write is never sent.
    const { emulator, table, registry } = await start(send => async (operation, input) => {
      if (cut && operation === 'UpdateItem') throw new Error('cut off')
      return send(operation, input)
    })
    const other = dynamoRegistry(emulator.dynamo(), table)
    const before = await other.version()
    await expect(registry.announceUpdate('notes://today')).rejects.toThrow('cut off')
    expect(await other.version()).toEqual(before)
    cut = false
    await registry.announceUpdate('notes://today')
    expect((await other.version()).updates).not.toBe(before.updates)
  })

  test('unprocessed keys of a batch are read again, up to a limit', async () => {
    let processed = 2
    let batches = 0
    // DynamoDB reads this many keys of each batch and returns the others as unprocessed.
    const { registry } = await start(send => async (operation, input) => {
      if (operation !== 'BatchGetItem') return send(operation, input)
      batches++
      const { RequestItems } = input as { RequestItems: Record<string, KeysToRead> }
      const [[table = '', { Keys: keys, ...how } = { Keys: [] }] = []] =
        Object.entries(RequestItems)
      const left = keys.slice(processed)
      const request = { [table]: { ...how, Keys: keys.slice(0, Math.max(1, processed)) } }
      const output = (await send(operation, { RequestItems: request })) as object
      return {
        ...output,
        ...(left.length > 0 && { UnprocessedKeys: { [table]: { ...how, Keys: left } } }),
        ...(processed === 0 && { Responses: {} }),
      }
    })
    const uris = ['a', 'b', 'c', 'd', 'e'].map(name => `notes://${name}`)
    for (const uri of uris) await registry.announceUpdate(uri)
    expect([...(await registry.updateTokens(uris)).keys()]).toEqual(uris)
    expect(batches).toBe(3)
    processed = 0
    await expect(registry.updateTokens(uris)).rejects.toThrow('5 update tokens')
  })
})
