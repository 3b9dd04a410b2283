import { randomUUID } from 'node:crypto'
import type { DynamoDb } from '../../dynamodb/dynamodb.ts'

import { type Row, toKey } from '../../registry/row.ts'
import { eachOf } from './each-of.ts'
import type { Revocation, Revocations } from './revocations.ts'

/**
 * Revocations in the Registration table, beside the registrations:
 *
 *     type          name                                    at                        expiresAt
 *     #revocation   <registration> <lambdaArn> <nonce>      milliseconds since 1970   seconds
 *
 * Usually there are none. There are many after a failure of Lambda.
 */
export function dynamoRevocations(dynamo: DynamoDb, table: string): Revocations {
  return {
    async begin(registration, lambdaArn) {
      const revocation = { registration, lambdaArn, nonce: randomUUID(), at: Date.now() }
      const at = { N: String(revocation.at) }
      const expiresAt = { N: String(Math.floor(revocation.at / 1000) + WEEK_SECONDS) }
      await dynamo.putItem({ TableName: table, Item: { ...keyOf(revocation), at, expiresAt } })
      return revocation
    },
    async end(revocation) {
      await dynamo.deleteItem({ TableName: table, Key: keyOf(revocation) })
    },
    async open(registrations) {
      const { items, isAll } = await read('')
      const isOwn = (it: Revocation) => registrations.includes(it.registration)
      const own = isAll
        ? items.filter(isOwn)
        : (await eachOf(registrations, QUERIES_AT_ONCE, it => read(`${it} `))).flatMap(
            it => it.items,
          )
      return [...own, ...items.filter(it => !isOwn(it))]
    },
  }

  async function read(prefix: string) {
    const { Items = [], LastEvaluatedKey } = await dynamo.query({
      TableName: table,
      KeyConditionExpression: `#type = :type${prefix && ' and begins_with(#name, :prefix)'}`,
      ExpressionAttributeNames: { '#type': 'type', ...(prefix && { '#name': 'name' }) },
      ExpressionAttributeValues: {
        ':type': { S: TYPE },
        ...(prefix && { ':prefix': { S: prefix } }),
      },
      ConsistentRead: true,
      Limit: AT_ONCE,
    })
    return { items: Items.map(toRevocation), isAll: LastEvaluatedKey === undefined }
  }
}

const TYPE = '#revocation'
/** A call finishes fewer. */
const AT_ONCE = 20
const QUERIES_AT_ONCE = 10
/**
 * A note expires after a week. The response of a call that failed to revoke has the command for it.
 */
const WEEK_SECONDS = 7 * 24 * 60 * 60

const keyOf = ({ registration, lambdaArn, nonce }: Revocation) =>
  toKey({ type: TYPE, name: `${registration} ${lambdaArn} ${nonce}` })

function toRevocation({ name, at }: Row): Revocation {
  const [registration = '', lambdaArn = '', nonce = ''] = name?.S?.split(' ') ?? []
  return { registration, lambdaArn, nonce, at: Number(at?.N) }
}
