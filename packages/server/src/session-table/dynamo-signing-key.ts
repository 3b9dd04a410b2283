import { randomBytes } from 'node:crypto'

import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'

/**
 * A secret that all environments of a stack share without anybody having configured it: the first one that asks
 * makes it, in the Session table, which only the mcp function may read.
 */
export function dynamoSigningKey(dynamo: DynamoDBClient, table: string): () => Promise<string> {
  let known: Promise<string> | undefined
  return () => {
    known ??= find().catch(error => {
      known = undefined
      throw error
    })
    return known
  }

  async function find(): Promise<string> {
    const stored = await read()
    if (stored) return stored
    const made = randomBytes(32).toString('base64url')
    try {
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: { ...KEY, secret: { S: made } },
          ConditionExpression: 'attribute_not_exists(channel)',
        }),
      )
      return made
    } catch (error) {
      // Another environment was faster; its key is the one.
      if (error instanceof ConditionalCheckFailedException) return (await read()) ?? made
      throw error
    }
  }

  async function read(): Promise<string | undefined> {
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: table, Key: KEY, ConsistentRead: true }),
    )
    return Item?.['secret']?.S
  }
}

/** No session's id can be this. */
const KEY = { channel: { S: '#key' }, position: { S: 'request-state' } }
