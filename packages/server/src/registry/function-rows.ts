import { randomUUID } from 'node:crypto'
import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { type DynamoDb, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { type Row, toKey } from './row.ts'

/** A row that says that a registration has, or had, a function. */
export interface FunctionRow {
  lambdaArn: string
  /** The id of the registration. */
  id: string
  /** Makes the row unique: each write of a registration has a row of its own. */
  nonce: string
  /** When it was written, in milliseconds since 1970. */
  at: number
}

type Of = Pick<Registration, 'id' | 'lambdaArn'>

/**
 * The registrations of each function, in the Registration table:
 *
 *     type                    name                     attributes
 *     #function <lambdaArn>   tool-example <nonce>     at (milliseconds since 1970)
 *     tool                    example                  functionRow ("<lambdaArn> <nonce>"), …
 *
 * A row is written before the registration, and deleted after the registration was deleted or
 * replaced. So no registration is without its row. A writer that dies leaves a row too many: a
 * reader has to look whether the registration has the function.
 *
 * Two writers never share a row. Otherwise the one that is refused would delete the row that the
 * other one needs.
 */
export function functionRows(dynamo: DynamoDb, table: string) {
  return {
    /** Writes the row of a registration that is about to be written. Gives its `functionRow`. */
    async add({ id, lambdaArn }: Of): Promise<string> {
      const nonce = randomUUID()
      await put({ id, lambdaArn, nonce, at: Date.now() })
      return `${lambdaArn} ${nonce}`
    },
    /** Deletes the row that `functionRow` names. A failure leaves a row too many. */
    async remove(id: string, functionRow: string | undefined): Promise<void> {
      if (functionRow === undefined) return
      const [lambdaArn = '', nonce = ''] = functionRow.split(' ')
      try {
        await dynamo.deleteItem({ TableName: table, Key: keyOf({ lambdaArn, id, nonce }) })
      } catch (error) {
        log.warn('registry: the row of a function that is no longer used could not be deleted', {
          table,
          error: describe(error),
        })
      }
    },
    /** Writes a row for a registration that an earlier version, or a person, has written. */
    async addLate({ id, lambdaArn }: Of): Promise<void> {
      await put({ id, lambdaArn, nonce: LATE, at: Date.now() })
    },
    /** Whether the registration has a row, of any write. */
    async has({ id, lambdaArn }: Of): Promise<boolean> {
      const { Items = [] } = await query(lambdaArn, { idPrefix: `${id} `, limit: 1 })
      return Items.length > 0
    },
    /** The rows of a function. Reads one at a time: mostly the first one is enough. */
    async *of(lambdaArn: string): AsyncGenerator<FunctionRow> {
      let from: Row | undefined
      do {
        const { Items = [], LastEvaluatedKey } = await query(lambdaArn, { limit: 1, from })
        for (const { name, at } of Items) {
          const [id = '', nonce = ''] = name?.S?.split(' ') ?? []
          yield { lambdaArn, id, nonce, at: Number(at?.N) }
        }
        from = LastEvaluatedKey
      } while (from)
    },
    /** Deletes a row that was read, unless it was written again since. */
    async removeUnchanged({ at, ...row }: FunctionRow): Promise<void> {
      await dynamo
        .deleteItem({
          TableName: table,
          Key: keyOf(row),
          ConditionExpression: '#at = :at',
          ExpressionAttributeNames: { '#at': 'at' },
          ExpressionAttributeValues: { ':at': { N: String(at) } },
        })
        .catch(ignoreConditionFailure)
    },
  }

  async function put({ at, ...row }: FunctionRow) {
    const Item = { ...keyOf(row), at: { N: String(at) } }
    await dynamo.putItem({ TableName: table, Item })
  }

  function query(
    lambdaArn: string,
    { idPrefix, limit, from }: { idPrefix?: string; limit: number; from?: Row | undefined },
  ) {
    const prefix = idPrefix === undefined ? '' : ' and begins_with(#name, :prefix)'
    return dynamo.query({
      TableName: table,
      KeyConditionExpression: `#type = :type${prefix}`,
      ExpressionAttributeNames: { '#type': 'type', ...(prefix && { '#name': 'name' }) },
      ExpressionAttributeValues: {
        ':type': { S: typeOf(lambdaArn) },
        ...(idPrefix !== undefined && { ':prefix': { S: idPrefix } }),
      },
      ConsistentRead: true,
      ExclusiveStartKey: from,
      Limit: limit,
    })
  }
}

/** Instead of a nonce: the registration was there before its row. */
const LATE = '-'

const typeOf = (lambdaArn: string) => `#function ${lambdaArn}`
const keyOf = ({ lambdaArn, id, nonce }: Omit<FunctionRow, 'at'>) =>
  toKey({ type: typeOf(lambdaArn), name: `${id} ${nonce}` })

function ignoreConditionFailure(error: unknown) {
  if (!isConditionFailure(error)) throw error
}
