import { randomUUID } from 'node:crypto'

import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

import { createInbox } from './inbox.ts'
import type { Relay, Session } from './relay.ts'

/**
 * The Session table. One channel per session:
 *
 *     channel      position
 *     <id>         session           owner, posted (a counter), expiresAt (the holder's lease)
 *     <id>         in#000000000001   a message, or the number of parts it is kept in; taken (when handed out)
 *     <id>#<uuid>  000000000001      a part of a message that is too large for one item
 *
 * `out#…` is reserved for the log of what was sent, from which a stream will be resumed.
 *
 * A message is posted in two single-item writes, because a counter is the only order that clocks cannot
 * break: the first takes the next position (and is refused unless the session is the poster's and open),
 * the second puts the message there. A poster that dies between the two leaves a gap; see inbox.ts.
 */
export interface DynamoRelayOptions {
  dynamo: DynamoDBClient
  table: string
  /** Milliseconds between two looks at an inbox: while messages come, and at most. */
  pollMs: { busy: number; idle: number }
  /** A session whose holder has not renewed it for this long is gone. */
  leaseSeconds: number
}

const SESSION = 'session'
const IN = 'in#'
/** Longer than any invocation lasts: a message that is older has nobody left to take it. */
const KEEP_SECONDS = 15 * 60
/** An item holds 400 KB (409,600 bytes) with its attribute names; https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const PART_BYTES = 390_000

export function dynamoRelay({ dynamo, table, pollMs, leaseSeconds }: DynamoRelayOptions): Relay {
  return {
    async open({ id, owner }) {
      await dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            ...key(id, SESSION),
            owner: { S: owner },
            posted: { N: '0' },
            expiresAt: { N: String(nowSeconds() + leaseSeconds) },
          },
          ConditionExpression: UNKNOWN,
        }),
      )
      return join(id)
    },
    join,
    async post(session, message) {
      const bytes = Buffer.from(message)
      const parts = bytes.length > PART_BYTES ? await putParts(session.id, bytes) : undefined
      const position = await nextPosition(session)
      if (position === undefined) return false
      await putMessage(session.id, position, parts ?? { message: { B: bytes } })
      return true
    },
  }

  /** Undefined when the session is not open, or not this owner's. */
  async function nextPosition({ id, owner }: Session): Promise<number | undefined> {
    try {
      const { Attributes } = await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(id, SESSION),
          UpdateExpression: 'ADD posted :one',
          ConditionExpression: `${KNOWN} AND ${OWNED} AND ${OPEN}`,
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: {
            ':one': { N: '1' },
            ':owner': { S: owner },
            ':now': { N: String(nowSeconds()) },
          },
          ReturnValues: 'UPDATED_NEW',
        }),
      )
      return Number(Attributes?.['posted']?.N)
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined
      throw error
    }
  }

  async function putMessage(id: string, position: number, content: Item): Promise<void> {
    await unlessDone(
      dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: { ...key(id, IN + padded(position)), ...content, ...expiry() },
          // A retry of the SDK whose first attempt did arrive must not put a taken message back.
          ConditionExpression: UNKNOWN,
        }),
      ),
    )
  }

  /** Before the position is taken, so that a large message holds nobody up behind it. */
  async function putParts(id: string, bytes: Buffer): Promise<Item> {
    const channel = `${id}#${randomUUID()}`
    const count = Math.ceil(bytes.length / PART_BYTES)
    await Promise.all(
      Array.from({ length: count }, (_, n) =>
        dynamo.send(
          new PutItemCommand({
            TableName: table,
            Item: {
              ...key(channel, padded(n)),
              message: { B: bytes.subarray(n * PART_BYTES, (n + 1) * PART_BYTES) },
              ...expiry(),
            },
          }),
        ),
      ),
    )
    return { parts: { S: channel } }
  }

  function join(id: string) {
    return createInbox({
      pollMs,
      query: from => query(id, from),
      take: (position, taker) => take(id, position, taker),
      async renew() {
        return unlessRefused(
          dynamo.send(
            new UpdateItemCommand({
              TableName: table,
              Key: key(id, SESSION),
              UpdateExpression: 'SET expiresAt = :expiresAt',
              ConditionExpression: KNOWN,
              ExpressionAttributeValues: {
                ':expiresAt': { N: String(nowSeconds() + leaseSeconds) },
              },
            }),
          ),
        )
      },
      async close() {
        const { Attributes } = await dynamo.send(
          new DeleteItemCommand({
            TableName: table,
            Key: key(id, SESSION),
            ReturnValues: 'ALL_OLD',
          }),
        )
        return Attributes && Number(Attributes['posted']?.N)
      },
    })
  }

  /**
   * One page of what stands from a position on. Eventually consistent, at half the price: what a read
   * misses the next one has, and `take` alone decides who gets a message.
   */
  async function query(id: string, from: number) {
    const { Items = [] } = await dynamo.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'channel = :channel AND #position BETWEEN :from AND :end',
        ProjectionExpression: '#position, taken, expiresAt',
        ExpressionAttributeNames: { '#position': 'position' },
        ExpressionAttributeValues: {
          ':channel': { S: id },
          ':from': { S: IN + padded(from) },
          ':end': { S: `${IN}~` },
        },
      }),
    )
    const now = nowSeconds()
    return Items.map(item => ({
      position: Number(item['position']?.S?.slice(IN.length)),
      // DynamoDB deletes expired items days late, so every reader checks.
      open: item['taken'] === undefined && Number(item['expiresAt']?.N) > now,
    }))
  }

  /**
   * Of any number of readers one gets the message, the others undefined. The item stays as it is until it
   * expires: it tells a poster's repeated write that the message was taken, and a taker's repeated write
   * that it was the taker itself.
   */
  async function take(id: string, position: number, taker: string): Promise<string | undefined> {
    try {
      const { Attributes } = await dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key(id, IN + padded(position)),
          UpdateExpression: 'SET taken = :taker',
          ConditionExpression: `${KNOWN} AND ${FREE}`,
          ExpressionAttributeValues: { ':taker': { S: taker } },
          ReturnValues: 'ALL_NEW',
        }),
      )
      const channel = Attributes?.['parts']?.S
      return channel ? await collect(channel) : text(Attributes?.['message']?.B)
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined
      throw error
    }
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

type Item = Record<string, AttributeValue>

const UNKNOWN = 'attribute_not_exists(channel)'
const KNOWN = 'attribute_exists(channel)'
const OWNED = '#owner = :owner'
const OPEN = 'expiresAt > :now'
const FREE = '(attribute_not_exists(taken) OR taken = :taker)'

const key = (channel: string, position: string): Item => ({
  channel: { S: channel },
  position: { S: position },
})
/** Wide enough that positions sort as numbers do. */
const padded = (position: number) => String(position).padStart(12, '0')
const expiry = (): Item => ({ expiresAt: { N: String(nowSeconds() + KEEP_SECONDS) } })
const nowSeconds = () => Math.floor(Date.now() / 1000)
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString()

/** Resolves when the write is done, by this attempt or by an earlier one. */
const unlessDone = (write: Promise<unknown>) => unlessRefused(write).then(() => {})

async function unlessRefused(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false
    throw error
  }
}
