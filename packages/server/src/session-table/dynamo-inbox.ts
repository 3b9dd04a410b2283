import { randomBytes } from 'node:crypto'

import { type DynamoDb, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { createInbox } from './inbox.ts'
import { idsToDrop } from './post-id.ts'
import type { Inbox } from './relay.ts'
import {
  ifConditionHolds,
  key,
  leaseUntil,
  MissingPart,
  messageContent,
  nowSeconds,
} from './table.ts'
import { isExpired, messagesIn, SESSION, type WaitingMessage } from './waiting-messages.ts'

export interface DynamoInboxOptions {
  dynamo: DynamoDb
  table: string
  /** Milliseconds between two polls of an inbox: while messages arrive, and the maximum. */
  pollMs: { busy: number; idle: number }
  /** A session whose lease is not renewed for this long is gone. */
  leaseSeconds: number
}

/** What was read of the item of a session. */
interface Read {
  messages: WaitingMessage[]
  /** The ids of the last posts. */
  posts: string[]
}

/** An update expression has at most 4 KB. */
const MAX_TAKEN = 50

/**
 * The inbox of a session in the Session table: dynamo-relay.ts has the item.
 *
 * A poll reads the item. Half a read unit is enough: the read may be a little late, and only the
 * condition of `take` decides which reader gets a message. A reader that has taken messages has
 * read them before, so nothing is lost with the response of the write.
 */
export function dynamoInbox(
  { dynamo, table, pollMs, leaseSeconds }: DynamoInboxOptions,
  id: string,
): Inbox {
  const { textOf } = messageContent(dynamo, table)
  const Key = key(id, SESSION)
  const turnOfReader = `taken#${randomBytes(6).toString('base64url')}`

  return createInbox<WaitingMessage, Read>({
    pollMs,
    read,
    take,
    async textOf(message) {
      if (isExpired(message)) return undefined
      try {
        return message.content['text']?.S ?? (await textOf(message.content))
      } catch (error) {
        if (!(error instanceof MissingPart)) throw error
        log.error('inbox: a message is lost', { error: describe(error) })
        return undefined
      }
    },
    async renew() {
      const { aliveUntil, expiresAt } = leaseUntil(leaseSeconds)
      const renewed = await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key,
          UpdateExpression: 'SET aliveUntil = :aliveUntil, expiresAt = :expiresAt',
          ConditionExpression: 'attribute_exists(channel) AND attribute_not_exists(closed)',
          ExpressionAttributeValues: { ':aliveUntil': aliveUntil, ':expiresAt': expiresAt },
        }),
      )
      return renewed !== undefined
    },
    /** The item stays until it expires: what was posted before is still to be taken. */
    async close() {
      await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key,
          UpdateExpression: 'SET closed = :true, aliveUntil = :now',
          ConditionExpression: 'attribute_exists(channel)',
          ExpressionAttributeValues: {
            ':true': { BOOL: true },
            ':now': { N: String(nowSeconds()) },
          },
        }),
      )
    },
  })

  async function read(isConsistent: boolean): Promise<Read> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key,
      ...(isConsistent && { ConsistentRead: true }),
    })
    return { messages: messagesIn(Item).slice(0, MAX_TAKEN), posts: Item?.['posts']?.SS ?? [] }
  }

  /**
   * Messages are only appended at the end and removed from the beginning: where the first one and
   * the last one are in their places, so are those between them.
   */
  async function take({ messages, posts }: Read, turn: number): Promise<boolean> {
    const last = messages.length - 1
    const bytes = messages.reduce((sum, it) => sum + it.bytes, 0)
    // The last one first: then it is the same whether places are counted before or after a removal.
    const places = messages.map((_, n) => `inbox[${last - n}]`)
    const dropped = idsToDrop(posts)
    const forgets = dropped ? ', forgotten = :forgotten' : ''
    const drops = dropped ? ' DELETE posts :dropped' : ''
    try {
      await dynamo.updateItem({
        TableName: table,
        Key,
        UpdateExpression: `SET #turn = :turn, waitingBytes = waitingBytes - :bytes${forgets} REMOVE ${places.join(', ')}${drops}`,
        ConditionExpression: `inbox[0].postId = :first AND inbox[${last}].postId = :last`,
        ExpressionAttributeNames: { '#turn': turnOfReader },
        ExpressionAttributeValues: {
          ':turn': { N: String(turn) },
          ':bytes': { N: String(bytes) },
          ':first': { S: messages[0]?.postId ?? '' },
          ':last': { S: messages[last]?.postId ?? '' },
          ...(dropped && {
            ':dropped': { SS: dropped.ids },
            ':forgotten': { N: String(dropped.newest) },
          }),
        },
      })
      return true
    } catch (error) {
      if (!isConditionFailure(error)) throw error
      return isLastTurn(turn)
    }
  }

  /** Whether an attempt of this turn has succeeded before. */
  async function isLastTurn(turn: number): Promise<boolean> {
    const { Item } = await dynamo.getItem({ TableName: table, Key, ConsistentRead: true })
    return Item?.[turnOfReader]?.N === String(turn)
  }
}
