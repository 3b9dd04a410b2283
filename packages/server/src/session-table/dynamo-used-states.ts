import { randomUUID } from 'node:crypto'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'

import { expiry, ifConditionHolds, key } from './table.ts'

/**
 * Records in the Session table that a request state was used. False where another call recorded it
 * before, in any environment. A request state is valid for ten minutes; the record lasts longer.
 */
export function dynamoUsedStates(
  dynamo: DynamoDb,
  table: string,
): (id: string) => Promise<boolean> {
  return async id => {
    // A write is repeated after a lost response: then the item is our own.
    const user = { S: randomUUID() }
    const put = await ifConditionHolds(
      dynamo.putItem({
        TableName: table,
        Item: { ...key(`#used#${id}`, 'request-state'), user, ...expiry() },
        ConditionExpression: 'attribute_not_exists(channel) OR #user = :user',
        ExpressionAttributeNames: { '#user': 'user' },
        ExpressionAttributeValues: { ':user': user },
      }),
    )
    return put !== undefined
  }
}
