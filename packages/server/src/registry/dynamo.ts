import {
  type Registration,
  type RegistrationType,
  registrationId,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { type DynamoDb, isConditionFailure } from '../dynamodb/dynamodb.ts'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { dynamoChanges } from './dynamo-changes.ts'
import { dynamoUpdateTokens } from './dynamo-update-tokens.ts'
import { functionRows } from './function-rows.ts'
import { functionUsers } from './function-users.ts'
import { mcpContractRows } from './mcp-contract-rows.ts'
import type { Key, Registry } from './registry.ts'
import { fromRow, type Row, toKey, toRow, VERSION_ROW } from './row.ts'

/**
 * A registry in the Registration table:
 *
 *     type         name       attributes
 *     tool         example    version (3), registration ({"id":"tool-example","type":"tool", …})
 *     #function …  …          function-rows.ts
 *     #catalogue   revision   changes (a counter), announcements (another), function-users.ts
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
  const functions = functionRows(dynamo, table)

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
    async *list({ type, after, limit = Number.POSITIVE_INFINITY } = {}) {
      let left = limit
      for (const each of typesFrom(after))
        if (each === (type ?? each))
          for await (const page of pages(each, after, () => left))
            for (const row of page) {
              const registration = parse(row)
              if (!registration) continue
              yield registration
              left--
              if (left === 0) return
            }
    },
    async version({ isConsistent = true } = {}) {
      const row = await rowOf(VERSION_ROW, isConsistent)
      const { changes: registrations, announcements: updates } = row ?? {}
      return { registrations: registrations?.N ?? '0', updates: updates?.N ?? '0' }
    },
    changesSince: changes.changesSince,
    usesMcpContract: mcpRows.exist,
    ...dynamoUpdateTokens(dynamo, table),
    ...functionUsers({
      dynamo,
      table,
      rows: functions,
      parse,
      async *pagesAfter(after, limit) {
        for (const type of typesFrom(after)) yield* pages(type, after, () => limit)
      },
    }),
  }

  async function rowOf(key: Row, isConsistent = true): Promise<Row | undefined> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key: key,
      ConsistentRead: isConsistent,
    })
    return Item
  }

  async function put(registration: Registration, expression: string, version?: number) {
    const [functionRow, mcpRow] = await Promise.all([
      functions.add(registration),
      mcpRows.add(registration),
      changes.record(registration),
    ])
    const replaced = await conditionally(
      dynamo.putItem({
        TableName: table,
        Item: {
          ...toRow(registration),
          functionRow: { S: functionRow },
          ...(mcpRow !== undefined && { mcpRow: { S: mcpRow } }),
        },
        ReturnValues: 'ALL_OLD',
        ...condition(expression, version),
      }),
      row => row?.['functionRow']?.S === functionRow,
      registration,
    )
    await (replaced
      ? Promise.all([
          countChange(),
          removeFunctionRow(registration, replaced),
          mcpRows.remove(registration, replaced['mcpRow']?.S),
        ])
      : Promise.all([
          functions.remove(registration.id, functionRow),
          mcpRows.remove(registration, mcpRow),
        ]))
    return replaced !== undefined
  }

  async function remove(key: Key, version: number) {
    await changes.record(key)
    const removed = await conditionally(
      dynamo.deleteItem({
        TableName: table,
        Key: toKey(key),
        ReturnValues: 'ALL_OLD',
        ...condition(UNCHANGED, version),
      }),
      row => row === undefined,
      key,
    )
    if (removed)
      await Promise.all([
        countChange(),
        removeFunctionRow(key, removed),
        mcpRows.remove(key, removed['mcpRow']?.S),
      ])
    return removed !== undefined
  }

  function removeFunctionRow({ type, name }: Key, { functionRow }: Row) {
    return functions.remove(registrationId(type, name), functionRow?.S)
  }

  /**
   * The row before the write, as far as it is known; undefined where the condition did not hold.
   * `isDone` tells from the row in the table whether the write has succeeded.
   */
  async function conditionally(
    write: Promise<{ Attributes?: Row }>,
    isDone: (row: Row | undefined) => boolean,
    key: Key,
  ): Promise<Row | undefined> {
    try {
      return (await write).Attributes ?? {}
    } catch (error) {
      if (!isConditionFailure(error)) throw error
      // A write is repeated after a lost response. Then the first attempt may have succeeded.
      const isRepeated = error.attempts > 1
      return isRepeated && isDone(await rowOf(toKey(key))) ? {} : undefined
    }
  }

  async function countChange() {
    try {
      await dynamo.updateItem({
        TableName: table,
        Key: VERSION_ROW,
        UpdateExpression: 'ADD changes :one, withRows :one',
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

  /** The rows of a type after a place in the list. `limit` is that of the next page. */
  async function* pages(
    type: RegistrationType,
    after: Key | undefined,
    limit: () => number | undefined,
  ): AsyncGenerator<Row[]> {
    const name = after?.type === type ? after.name : ''
    let from: Row | undefined
    do {
      const { Items = [], LastEvaluatedKey } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: name ? '#type = :type and #name > :after' : '#type = :type',
        ExpressionAttributeNames: { '#type': 'type', ...(name && { '#name': 'name' }) },
        ExpressionAttributeValues: {
          ':type': { S: type },
          ...(name && { ':after': { S: name } }),
        },
        // A reader that knows the new registry version must get the new registrations.
        ConsistentRead: true,
        ExclusiveStartKey: from,
        ...limited(limit()),
      })
      yield Items
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

const limited = (limit = Number.POSITIVE_INFINITY) =>
  Number.isFinite(limit) ? { Limit: limit } : {}

const typesFrom = (after: Key | undefined) =>
  after ? TYPES.slice(TYPES.indexOf(after.type)) : TYPES
