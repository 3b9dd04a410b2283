import {
  type Registration,
  type RegistrationType,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { type DynamoDb, isConditionFailure } from '../dynamodb/dynamodb.ts'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { dynamoChanges } from './dynamo-changes.ts'
import { dynamoUpdateTokens } from './dynamo-update-tokens.ts'
import { mcpContractRows } from './mcp-contract-rows.ts'
import type { Key, Registry } from './registry.ts'
import { fromRow, type Row, toKey, toRow, VERSION_ROW } from './row.ts'

/**
 * A registry in the Registration table:
 *
 *     type         name       attributes
 *     tool         example    version (3), registration ({"id":"tool-example","type":"tool", …})
 *     #catalogue   revision   changes (a counter), announcements (another)
 *     #announced   …          dynamo-update-tokens.ts
 *     #change      …          dynamo-changes.ts
 *     #mcp         …          mcp-contract-rows.ts
 *     #revocation  …          ../registration/invoke-permission/dynamo-revocations.ts
 *
 * The counter of changes goes up after a write, never before: a reader that sees the new count
 * finds the write. A writer that dies between the two leaves a change that is not counted. Only a
 * transaction, at twice the price, could prevent that. So readers look for changes from time to
 * time (`LOOK_AGAIN_MS` in cached.ts), whatever the counter says.
 */
export function dynamoRegistry(dynamo: DynamoDb, table: string): Registry {
  const loggedRows = new Set<string>()
  const mcpRows = mcpContractRows(dynamo, table)
  const changes = dynamoChanges(dynamo, table)

  return {
    async get(key) {
      const row = await rowOf(toKey(key))
      return row && parse(row)
    },
    create(registration) {
      return put(registration, NEW)
    },
    replace(registration, version) {
      return put(registration, UNCHANGED, version)
    },
    remove,
    async *list({ type, after } = {}) {
      const types = after ? TYPES.slice(TYPES.indexOf(after.type)) : TYPES
      for (const each of types)
        if (each === (type ?? each))
          yield* listType(each, after?.type === each ? after.name : undefined)
    },
    async version({ isConsistent = true } = {}) {
      const row = await rowOf(VERSION_ROW, isConsistent)
      const { changes: registrations, announcements: updates } = row ?? {}
      return { registrations: registrations?.N ?? '0', updates: updates?.N ?? '0' }
    },
    changesSince: changes.changesSince,
    usesMcpContract: mcpRows.exist,
    ...dynamoUpdateTokens(dynamo, table),
  }

  async function rowOf(key: Row, isConsistent = true): Promise<Row | undefined> {
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: table, Key: key, ConsistentRead: isConsistent }),
    )
    return Item
  }

  async function put(registration: Registration, expression: string, version?: number) {
    const row = toRow(registration)
    await Promise.all([changes.record(registration), mcpRows.beforeWrite(registration)])
    const written = dynamo.send(
      new PutItemCommand({
        TableName: table,
        Item: row,
        ReturnValues: 'ALL_OLD',
        ...condition(expression, version),
      }),
    )
    return conditionally(
      written.then(it => mcpRows.afterWrite(registration, registration.contract, it.Attributes)),
      async () => (await rowOf(toKey(registration)))?.['registration']?.S === row.registration.S,
    )
  }

  async function remove(key: Key, version: number) {
    await changes.record(key)
    const removed = dynamo.send(
      new DeleteItemCommand({
        TableName: table,
        Key: toKey(key),
        ReturnValues: 'ALL_OLD',
        ...condition(UNCHANGED, version),
      }),
    )
    return conditionally(
      removed.then(it => mcpRows.afterWrite(key, undefined, it.Attributes)),
      async () => (await rowOf(toKey(key))) === undefined,
    )
  }

  /** Whether the condition of the write held. `isDone` looks whether its effect is in the table. */
  async function conditionally(write: Promise<unknown>, isDone: () => Promise<boolean>) {
    try {
      await write
    } catch (error) {
      if (!isConditionFailure(error)) throw error
      // A write is repeated after a lost response. Then the first attempt may have succeeded.
      const isRepeated = error.attempts > 1
      if (!isRepeated || !(await isDone())) return false
    }
    await countChange()
    return true
  }

  async function countChange() {
    try {
      await dynamo.updateItem({
        TableName: table,
        Key: VERSION_ROW,
        UpdateExpression: 'ADD changes :one',
        ExpressionAttributeValues: { ':one': { N: '1' } },
      })
    } catch (error) {
      // The registration itself is written. Readers see it when they look for changes again.
      log.warn('registry: a change was not counted and will be seen up to a minute late', {
        table,
        error: describe(error),
      })
    }
  }

  async function* listType(type: RegistrationType, after = ''): AsyncGenerator<Registration> {
    let from: Row | undefined
    do {
      const { Items = [], LastEvaluatedKey } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: after ? '#type = :type and #name > :after' : '#type = :type',
        ExpressionAttributeNames: { '#type': 'type', ...(after && { '#name': 'name' }) },
        ExpressionAttributeValues: {
          ':type': { S: type },
          ...(after && { ':after': { S: after } }),
        },
        // A reader that knows the new registry version must get the new registrations.
        ConsistentRead: true,
        ExclusiveStartKey: from,
      })
      for (const row of Items) {
        const registration = parse(row)
        if (registration) yield registration
      }
      from = LastEvaluatedKey
    } while (from)
  }

  /** Undefined for a row without a valid registration. Logs each version of such a row once. */
  function parse(row: Row): Registration | undefined {
    try {
      return fromRow(row)
    } catch (error) {
      const place = `${row['type']?.S}/${row['name']?.S}@${row['version']?.N}`
      if (!loggedRows.has(place))
        log.warn('registry: ignored a row without a valid registration', {
          table,
          row: place,
          reason: describe(error).message,
        })
      loggedRows.add(place)
      return undefined
    }
  }
}

/** Rows without the attribute were made by hand. The API may replace them. */
const NEW = 'attribute_not_exists(registration)'
const UNCHANGED = 'version = :version'

const condition = (expression: string, version?: number) => ({
  ConditionExpression: expression,
  ...(version === undefined
    ? {}
    : { ExpressionAttributeValues: { ':version': { N: String(version) } } }),
})
