import { type Registration, registrationId } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { type DynamoDb, isConditionFailure } from '../dynamodb/dynamodb.ts'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { dynamoChanges } from './dynamo-changes.ts'
import { dynamoRegistryReads, dynamoRows, typesFrom } from './dynamo-reads.ts'
import { dynamoUpdateTokens } from './dynamo-update-tokens.ts'
import { functionRows } from './function-rows.ts'
import { functionUsers } from './function-users.ts'
import { mcpContractRows } from './mcp-contract-rows.ts'
import type { Key, Registry } from './registry.ts'
import { type Row, toKey, toRow, VERSION_ROW } from './row.ts'

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
  const rows = dynamoRows(dynamo, table)
  const { rowOf, parse, pages } = rows
  const mcpRows = mcpContractRows(dynamo, table)
  const changes = dynamoChanges(dynamo, table)
  const functions = functionRows(dynamo, table)

  return {
    ...dynamoRegistryReads(dynamo, table, rows),
    create(registration) {
      return put(registration, NEW)
    },
    replace(registration, version) {
      return put(registration, UNCHANGED, version)
    },
    remove,
    announceUpdate: dynamoUpdateTokens(dynamo, table).announceUpdate,
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
