import { randomUUID } from 'node:crypto'

import {
  type AttributeValue,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'

export type Item = Record<string, AttributeValue>

/** Longer than any invocation lasts: what is older has nobody left to read it. */
const KEEP_SECONDS = 15 * 60
/** An item holds 400 KB (409,600 bytes) with its attribute names; https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
export const PART_BYTES = 390_000

export const key = (channel: string, position: string): Item => ({
  channel: { S: channel },
  position: { S: position },
})
/** Wide enough that positions sort as numbers do. */
export const padded = (position: number) => String(position).padStart(12, '0')
export const nowSeconds = () => Math.floor(Date.now() / 1000)
export const expiry = () => ({ expiresAt: { N: String(nowSeconds() + KEEP_SECONDS) } })

/**
 * Bytes of any length, as attributes of an item in the Session table: `message`, or where they are too many for
 * one item `parts`, the name of a channel that has them in order.
 */
export function contents(dynamo: DynamoDBClient, table: string) {
  return { toAttributes, textOf }

  /** Resolves once the parts are stored, so that whoever reads the item finds them. */
  async function toAttributes(channel: string, bytes: Buffer): Promise<Item> {
    if (bytes.length <= PART_BYTES) return { message: { B: bytes } }
    const parts = `${channel}#${randomUUID()}`
    const count = Math.ceil(bytes.length / PART_BYTES)
    await Promise.all(
      Array.from({ length: count }, (_, n) =>
        dynamo.send(
          new PutItemCommand({
            TableName: table,
            Item: {
              ...key(parts, padded(n)),
              message: { B: bytes.subarray(n * PART_BYTES, (n + 1) * PART_BYTES) },
              ...expiry(),
            },
          }),
        ),
      ),
    )
    return { parts: { S: parts } }
  }

  async function textOf(item: Item | undefined): Promise<string> {
    const parts = item?.['parts']?.S
    return parts ? collect(parts) : Buffer.from(item?.['message']?.B ?? []).toString()
  }

  async function collect(channel: string): Promise<string> {
    const parts: Uint8Array[] = []
    let ExclusiveStartKey: Item | undefined
    do {
      const page = await dynamo.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'channel = :channel',
          ExpressionAttributeValues: { ':channel': { S: channel } },
          ConsistentRead: true,
          ExclusiveStartKey,
        }),
      )
      for (const item of page.Items ?? []) parts.push(item['message']?.B ?? new Uint8Array())
      ExclusiveStartKey = page.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return Buffer.concat(parts).toString()
  }
}
