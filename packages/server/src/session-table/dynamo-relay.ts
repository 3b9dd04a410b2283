import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { createInbox } from './inbox.ts'
import type { Relay, SseSession } from './relay.ts'
import { contents, expiry, type Item, key, nowSeconds, padded } from './table.ts'

/**
 * The Session table. One channel per session:
 *
 *     channel      position
 *     <id>         session           owner, posted (a counter), expiresAt (the holder's lease), closed
 *     <id>         in#000000000001   a message; taken (when handed out)
 *     <id>#<uuid>  000000000001      a part of a message that is too large for one item; see content.ts
 *
 * Sessions of Streamable HTTP are beside them: sessions.ts, eventStore.ts.
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

export function dynamoRelay({ dynamo, table, pollMs, leaseSeconds }: DynamoRelayOptions): Relay {
  const { toAttributes, textOf } = contents(dynamo, table)

  return {
    async open({ id, owner }) {
      const opened = dynamo.send(
        new PutItemCommand({
          TableName: table,
          Item: {
            ...key(id, SESSION),
            owner: { S: owner },
            posted: { N: '0' },
            expiresAt: { N: String(nowSeconds() + leaseSeconds) },
          },
          // An attempt that arrives late, after another one of the SDK's, must not set the counter back.
          ConditionExpression: UNKNOWN,
        }),
      )
      await opened.catch(error => {
        const isOurs = error instanceof ConditionalCheckFailedException && isRepeated(error)
        if (!isOurs) throw error
      })
      return join(id)
    },
    join,
    async post(session, message) {
      // Before the position is taken, so that a large message holds nobody up behind it.
      const content = await toAttributes(session.id, Buffer.from(message))
      const position = await nextPosition(session)
      if (position === undefined) return false
      await putMessage(session.id, position, content)
      return true
    },
  }

  /** Undefined when the session is not open, or not this owner's. */
  async function nextPosition({ id, owner }: SseSession): Promise<number | undefined> {
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
              ConditionExpression: `${KNOWN} AND ${NOT_CLOSED}`,
              ExpressionAttributeValues: {
                ':expiresAt': { N: String(nowSeconds() + leaseSeconds) },
              },
            }),
          ),
        )
      },
      // Not deleted: an attempt whose answer was lost has to learn the same from the next one.
      async close() {
        const closed = dynamo.send(
          new UpdateItemCommand({
            TableName: table,
            Key: key(id, SESSION),
            UpdateExpression: 'SET closed = :true, expiresAt = :now',
            ConditionExpression: KNOWN,
            ExpressionAttributeValues: {
              ':true': { BOOL: true },
              ':now': { N: String(nowSeconds()) },
            },
            ReturnValues: 'ALL_NEW',
          }),
        )
        try {
          return Number((await closed).Attributes?.['posted']?.N)
        } catch (error) {
          if (error instanceof ConditionalCheckFailedException) return undefined
          throw error
        }
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
      return await textOf(Attributes)
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined
      throw error
    }
  }
}

const UNKNOWN = 'attribute_not_exists(channel)'
const KNOWN = 'attribute_exists(channel)'
const OWNED = '#owner = :owner'
const OPEN = 'expiresAt > :now'
const NOT_CLOSED = 'attribute_not_exists(closed)'
const FREE = '(attribute_not_exists(taken) OR taken = :taker)'

/** The SDK repeats a write whose answer was lost; then the first one may be what is in the way. */
const isRepeated = ({ $metadata }: ConditionalCheckFailedException) => ($metadata.attempts ?? 1) > 1

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
