import { type DynamoDb, type Item, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { createInbox } from './inbox.ts'
import type { Relay, SseSession } from './relay.ts'
import {
  expiry,
  ifConditionHolds,
  key,
  messageContent,
  nowSeconds,
  PART_BYTES,
  padded,
} from './table.ts'

export interface DynamoRelayOptions {
  dynamo: DynamoDb
  table: string
  /** Milliseconds between two polls of an inbox: while messages arrive, and the maximum. */
  pollMs: { busy: number; idle: number }
  /** A session whose lease is not renewed for this long is gone. */
  leaseSeconds: number
}

const SESSION = 'session'
const IN = 'in#'

/**
 * A relay in the Session table, with one channel per session:
 *
 *     channel          position          attributes
 *     <id>             session           owner, posted (a counter), expiresAt (the lease), closed
 *     <id>             in#000000000001   a message; taken (the id of its taker)
 *     <id>#<uuid>#<n>  part              a part of a message that is too long for one item; table.ts
 *
 * The same table holds MCP sessions (dynamo-sessions.ts) and their events (dynamo-event-store.ts).
 *
 * A message is posted with two writes of one item each. The first write takes the next position
 * from a counter, since clocks cannot order messages; it fails unless the session is open and the
 * sender's own. The second write puts the message at that position. A sender that dies between the
 * two leaves a gap; inbox.ts handles it. A sender whose second write fails closes the position, so
 * that the message is not stored later.
 */
export function dynamoRelay({ dynamo, table, pollMs, leaseSeconds }: DynamoRelayOptions): Relay {
  const { toAttributes, textOf } = messageContent(dynamo, table)

  return {
    async open({ id, owner }) {
      const opened = dynamo.putItem({
        TableName: table,
        Item: {
          ...key(id, SESSION),
          owner: { S: owner },
          posted: { N: '0' },
          expiresAt: { N: String(nowSeconds() + leaseSeconds) },
        },
        // A late second attempt must not reset the counter.
        ConditionExpression: NOT_STORED,
      })
      await opened.catch(error => {
        // A write is repeated after a lost response. Then the first attempt may have put the item.
        const isOurs = isConditionFailure(error) && error.attempts > 1
        if (!isOurs) throw error
      })
      return join(id)
    },
    join,
    async post(session, message) {
      const bytes = Buffer.from(message)
      // A post that is refused must not leave parts in the table.
      if (bytes.length > PART_BYTES && !(await isOpen(session))) return false
      // Parts are written before the position is taken, so that later messages need not wait for
      // them.
      const content = await toAttributes(session.id, bytes)
      const position = await nextPosition(session)
      if (position === undefined) return false
      try {
        await putMessage(session.id, position, content)
      } catch (error) {
        // The write may have succeeded without a response.
        if (!(await isStored(session.id, position, error))) throw error
      }
      return true
    },
  }

  /**
   * Whether this owner has such an open session. `nextPosition` decides; it may close meanwhile.
   */
  async function isOpen({ id, owner }: SseSession): Promise<boolean> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key: key(id, SESSION),
      ConsistentRead: true,
    })
    return Item?.['owner']?.S === owner && Number(Item['expiresAt']?.N) > nowSeconds()
  }

  /**
   * Whether the message is at its position after a write that failed. Where it is not, the position
   * is closed: a write that is still under way finds it taken, and the sender may send again.
   */
  async function isStored(id: string, position: number, cause: unknown): Promise<boolean> {
    const place = key(id, IN + padded(position))
    try {
      await putMessage(id, position, { taken: { S: 'given up' } })
      const { Item } = await dynamo.getItem({ TableName: table, Key: place, ConsistentRead: true })
      return Item?.['message'] !== undefined || Item?.['parts'] !== undefined
    } catch (error) {
      // Not the error of the table: that one says that the message may be sent again.
      throw new Error(`It is unknown whether the message was stored: ${String(error)}`, { cause })
    }
  }

  /** Undefined when this owner has no such open session. */
  async function nextPosition({ id, owner }: SseSession): Promise<number | undefined> {
    const updated = await ifConditionHolds(
      dynamo.updateItem({
        TableName: table,
        Key: key(id, SESSION),
        UpdateExpression: 'ADD posted :one',
        ConditionExpression: `${STORED} AND ${OWNED} AND ${OPEN}`,
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':one': { N: '1' },
          ':owner': { S: owner },
          ':now': { N: String(nowSeconds()) },
        },
        ReturnValues: 'UPDATED_NEW',
      }),
    )
    return updated && Number(updated.Attributes?.['posted']?.N)
  }

  async function putMessage(id: string, position: number, content: Item): Promise<void> {
    // Where the condition fails, an earlier attempt has put the message there.
    await ifConditionHolds(
      dynamo.putItem({
        TableName: table,
        Item: { ...key(id, IN + padded(position)), ...content, ...expiry() },
        // A second attempt after a write that succeeded must not put a taken message back.
        ConditionExpression: NOT_STORED,
      }),
    )
  }

  function join(id: string) {
    return createInbox({
      pollMs,
      query: from => query(id, from),
      take: (position, taker) => take(id, position, taker),
      async renew() {
        const renewed = await ifConditionHolds(
          dynamo.updateItem({
            TableName: table,
            Key: key(id, SESSION),
            UpdateExpression: 'SET expiresAt = :expiresAt',
            ConditionExpression: `${STORED} AND ${NOT_CLOSED}`,
            ExpressionAttributeValues: {
              ':expiresAt': { N: String(nowSeconds() + leaseSeconds) },
            },
          }),
        )
        return renewed !== undefined
      },
      // The item is not deleted: a retry after a lost response must get the same count.
      async close() {
        const closed = await ifConditionHolds(
          dynamo.updateItem({
            TableName: table,
            Key: key(id, SESSION),
            UpdateExpression: 'SET closed = :true, expiresAt = :now',
            ConditionExpression: STORED,
            ExpressionAttributeValues: {
              ':true': { BOOL: true },
              ':now': { N: String(nowSeconds()) },
            },
            ReturnValues: 'ALL_NEW',
          }),
        )
        return closed && Number(closed.Attributes?.['posted']?.N)
      },
    })
  }

  /**
   * One page of messages from a position on. The read is eventually consistent, at half the price:
   * the next read finds what this one missed, and only `take` decides which reader gets a message.
   */
  async function query(id: string, from: number) {
    const { Items = [] } = await dynamo.query({
      TableName: table,
      KeyConditionExpression: 'channel = :channel AND #position BETWEEN :from AND :end',
      ProjectionExpression: '#position, taken, expiresAt',
      ExpressionAttributeNames: { '#position': 'position' },
      ExpressionAttributeValues: {
        ':channel': { S: id },
        ':from': { S: IN + padded(from) },
        ':end': { S: `${IN}~` },
      },
    })
    const now = nowSeconds()
    return Items.map(item => ({
      position: Number(item['position']?.S?.slice(IN.length)),
      // DynamoDB deletes expired items up to days late.
      open: item['taken'] === undefined && Number(item['expiresAt']?.N) > now,
    }))
  }

  /**
   * One reader gets the message, all others undefined. The item stays in the table until it
   * expires. So a repeated write of the sender finds that the message is there, and a repeated
   * write of the taker finds its own id.
   */
  async function take(id: string, position: number, taker: string): Promise<string | undefined> {
    const updated = await ifConditionHolds(
      dynamo.updateItem({
        TableName: table,
        Key: key(id, IN + padded(position)),
        UpdateExpression: 'SET taken = :taker',
        ConditionExpression: `${STORED} AND ${FREE}`,
        ExpressionAttributeValues: { ':taker': { S: taker } },
        ReturnValues: 'ALL_NEW',
      }),
    )
    return updated && textOf(updated.Attributes)
  }
}

const NOT_STORED = 'attribute_not_exists(channel)'
const STORED = 'attribute_exists(channel)'
const OWNED = '#owner = :owner'
const OPEN = 'expiresAt > :now'
const NOT_CLOSED = 'attribute_not_exists(closed)'
const FREE = '(attribute_not_exists(taken) OR taken = :taker)'
