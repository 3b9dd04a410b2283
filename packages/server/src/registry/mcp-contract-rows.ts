import { randomUUID } from 'node:crypto'

import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import type { Key } from './registry.ts'
import { toKey } from './row.ts'

/**
 * A row for each registration with the calling contract `mcp`, so that one small read tells whether
 * there is any:
 *
 *     type   name                    attributes
 *     #mcp   tool example <nonce>
 *     tool   example                 mcpRow (the nonce), …
 *
 * It is written before the registration, and deleted after the registration was deleted or
 * replaced, or its write was refused. A writer that dies between the two leaves a row too many,
 * and never one too few. As in function-rows.ts, two writers never share a row: otherwise one that
 * takes the contract away would delete the row of one that gives it back at the same time.
 */
export function mcpContractRows(dynamo: DynamoDb, table: string) {
  return {
    /** Writes the row of a registration that is about to be written. Gives its `mcpRow`. */
    async add(registration: Registration): Promise<string | undefined> {
      if (registration.contract !== 'mcp') return undefined
      const nonce = randomUUID()
      await dynamo.putItem({ TableName: table, Item: rowOf(registration, nonce) })
      return nonce
    },
    /** Deletes the row that `mcpRow` names. */
    async remove(key: Key, mcpRow: string | undefined): Promise<void> {
      if (mcpRow !== undefined)
        await dynamo.deleteItem({ TableName: table, Key: rowOf(key, mcpRow) })
    },
    async exist(): Promise<boolean> {
      const { Count = 0 } = await dynamo.query({
        TableName: table,
        KeyConditionExpression: '#type = :type',
        ExpressionAttributeNames: { '#type': 'type' },
        ExpressionAttributeValues: { ':type': { S: TYPE } },
        Limit: 1,
        Select: 'COUNT',
      })
      return Count > 0
    },
  }
}

const TYPE = '#mcp'

const rowOf = ({ type, name }: Key, nonce: string) =>
  toKey({ type: TYPE, name: `${type} ${name} ${nonce}` })
