import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'
import { isRecord } from '../is-record.ts'
import type { Key } from './registry.ts'
import { type Row, toKey } from './row.ts'

/**
 * A row for each registration with the calling contract `mcp`, so that one small read tells whether
 * there is any:
 *
 *     type   name
 *     #mcp   tool example
 *
 * It is written before the registration and removed after it. A writer that dies between the two
 * leaves a row too many, and never one too few.
 */
export function mcpContractRows(dynamo: DynamoDb, table: string) {
  return {
    async beforeWrite(registration: Registration) {
      if (registration.contract !== 'mcp') return
      await dynamo.putItem({ TableName: table, Item: rowOf(registration) })
    },
    /** @param before the row that was replaced or removed */
    async afterWrite(key: Key, contract: string | undefined, before: Row | undefined) {
      if (contract === 'mcp' || !hasMcpContract(before)) return
      await dynamo.deleteItem({ TableName: table, Key: rowOf(key) })
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

const rowOf = ({ type, name }: Key) => toKey({ type: TYPE, name: `${type} ${name}` })

function hasMcpContract(row: Row | undefined): boolean {
  const registration: unknown = JSON.parse(row?.['registration']?.S ?? 'null')
  return isRecord(registration) && registration['contract'] === 'mcp'
}
