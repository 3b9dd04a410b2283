import {
  type Registration,
  type RegistrationType,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { DynamoDb } from '../dynamodb/dynamodb.ts'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { dynamoChanges } from './dynamo-changes.ts'
import { dynamoUpdateTokens } from './dynamo-update-tokens.ts'
import { mcpContractRows } from './mcp-contract-rows.ts'
import type { Key, RegistryReads } from './registry.ts'
import { fromRow, type Row, toKey, VERSION_ROW } from './row.ts'

/** What the mcp function needs of the registry that dynamo.ts describes: it writes nothing. */
export function dynamoRegistryReads(
  dynamo: DynamoDb,
  table: string,
  { rowOf, parse, pages } = dynamoRows(dynamo, table),
): RegistryReads {
  return {
    async get(key) {
      const row = await rowOf(toKey(key))
      return row && parse(row)
    },
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
    changesSince: dynamoChanges(dynamo, table).changesSince,
    usesMcpContract: mcpContractRows(dynamo, table).exist,
    updateTokens: dynamoUpdateTokens(dynamo, table).updateTokens,
  }
}

/** The rows of registrations. */
export function dynamoRows(dynamo: DynamoDb, table: string) {
  const loggedRows = new Set<string>()

  return { rowOf, parse, pages }

  async function rowOf(key: Row, isConsistent = true): Promise<Row | undefined> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key: key,
      ConsistentRead: isConsistent,
    })
    return Item
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

const limited = (limit = Number.POSITIVE_INFINITY) =>
  Number.isFinite(limit) ? { Limit: limit } : {}

/** The types that a list after a place has. */
export const typesFrom = (after: Key | undefined) =>
  after ? TYPES.slice(TYPES.indexOf(after.type)) : TYPES
