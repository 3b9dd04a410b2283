import { randomBytes } from 'node:crypto'

import type { DynamoDb } from '../dynamodb/dynamodb.ts'

import { ifConditionHolds } from './table.ts'

/**
 * The signing key that all environments of a stack share. No configuration is needed: the first
 * environment that needs the key creates it in the Session table, which only the mcp function can
 * read.
 */
export function dynamoSigningKey(dynamo: DynamoDb, table: string): () => Promise<string> {
  let key: Promise<string> | undefined
  return () => {
    key ??= readOrCreate().catch(error => {
      key = undefined
      throw error
    })
    return key
  }

  async function readOrCreate(): Promise<string> {
    const stored = await read()
    if (stored) return stored
    const created = randomBytes(32).toString('base64url')
    const put = await ifConditionHolds(
      dynamo.putItem({
        TableName: table,
        Item: { ...KEY, secret: { S: created } },
        ConditionExpression: 'attribute_not_exists(channel)',
      }),
    )
    if (put) return created
    // Another environment created its key first: use that one.
    return (await read()) ?? created
  }

  async function read(): Promise<string | undefined> {
    const { Item } = await dynamo.getItem({ TableName: table, Key: KEY, ConsistentRead: true })
    return Item?.['secret']?.S
  }
}

/** Session ids have no `#`, so no session has this key. */
const KEY = { channel: { S: '#key' }, position: { S: 'request-state' } }
