import { randomBytes } from 'node:crypto'

import type { RequestId } from '@modelcontextprotocol/server'

import { type DynamoDb, type Item, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { createInbox } from './inbox.ts'
import { idsToDrop, sentAtOf } from './post-id.ts'
import { type HeldInbox, keysToDrop } from './resumable-sessions.ts'
import {
  ifConditionHolds,
  key,
  leaseUntil,
  MissingPart,
  messageContent,
  nowSeconds,
  sessionLease,
} from './table.ts'
import { isExpired, messagesIn, SESSION, type WaitingMessage } from './waiting-messages.ts'

export interface DynamoInboxOptions {
  dynamo: DynamoDb
  table: string
  /** Milliseconds between two polls of an inbox: while messages arrive, and the maximum. */
  pollMs: { busy: number; idle: number }
  /** A session whose lease is not renewed for this long is gone. */
  leaseSeconds: number
  /** Gets the milliseconds for which a message has waited until it was taken. */
  onTaken?: ((waitedMs: number) => void) | undefined
}

/** What was read of the item of a session. */
interface Read {
  messages: WaitingMessage[]
  /** The ids of the last posts. */
  posts: string[]
  /** The last requests of a resumable session, as in `toPosted`. */
  posted: ReadonlyMap<string, string>
  /** The numbers `settled` and `refusedUpTo`. */
  settled: number
  refusedUpTo: number
  isOver: boolean
}

/** A stream of a resumable session. It takes messages for as long as it is the newest. */
interface Hold {
  stream: number
  /** The requests that the stream has taken and that have no stored response. */
  open(): RequestId[]
  /** Those of earlier streams, by their numbers. */
  openBefore: Map<number, RequestId[]>
}

/** The parts of a write of the stream that holds a session. */
interface Holding {
  set: string
  condition: string
  names?: Record<string, string>
  values: Item
}

/** An update expression has at most 4 KB. Less than `MAX_DROPPED`. */
const MAX_TAKEN = 50

/** Milliseconds between two renewals of a session that lives for 15 minutes without one. */
const RENEW_MS = 60_000

/**
 * The inbox of a session in the Session table: dynamo-relay.ts has the item.
 *
 * A poll reads the item. Half a read unit is enough: the read may be a little late, and only the
 * condition of `take` decides which reader gets a message. A reader that has taken messages has
 * read them before, so nothing is lost with the response of the write.
 */
export function dynamoInbox(
  { dynamo, table, pollMs, leaseSeconds, onTaken }: DynamoInboxOptions,
  id: string,
  hold?: Hold,
): HeldInbox {
  const { textOf } = messageContent(dynamo, table)
  const Key = key(id, SESSION)
  // Only one reader at a time takes the messages of a resumable session.
  const turnOfReader = hold ? 'turn' : `taken#${randomBytes(6).toString('base64url')}`
  const turnText = (turn: number) => (hold ? `${hold.stream}.${turn}` : String(turn))
  let renewedAt = Date.now()
  let isOver = false
  let isEnded = false
  /** They may not be delivered yet, so the stream does not count them. */
  let lastTaken: WaitingMessage[] = []

  const inbox = createInbox<WaitingMessage, Read>({
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
      if (hold && (isOver || Date.now() - renewedAt < RENEW_MS)) return !isOver
      const { aliveUntil, expiresAt } = hold ? sessionLease() : leaseUntil(leaseSeconds)
      const held = holding()
      const renewed = await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key,
          UpdateExpression: `SET aliveUntil = :aliveUntil, expiresAt = :expiresAt${held.set}`,
          ConditionExpression: `attribute_exists(channel) AND attribute_not_exists(closed)${held.condition}`,
          ExpressionAttributeNames: held.names,
          ExpressionAttributeValues: {
            ':aliveUntil': aliveUntil,
            ':expiresAt': expiresAt,
            ...held.values,
          },
        }),
      )
      // The read says whether the client has ended the session, or another stream holds it.
      if (hold && !renewed) await read(true)
      renewedAt = Date.now()
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
  return {
    ...inbox,
    forget: stream => void hold?.openBefore.delete(stream),
    isEnded: () => isEnded,
  }

  async function read(isConsistent: boolean): Promise<Read> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key,
      ...(isConsistent && { ConsistentRead: true }),
    })
    const posted = Object.entries(Item?.['posted']?.M ?? {})
    const isHeldByAnother = hold !== undefined && Number(Item?.['streams']?.N) > hold.stream
    isEnded = Item?.['closed'] !== undefined
    isOver = isHeldByAnother || isEnded
    return {
      // What waits when the client ends its session does not run.
      messages: hold && isOver ? [] : messagesIn(Item).slice(0, MAX_TAKEN),
      posts: Item?.['posts']?.SS ?? [],
      posted: new Map(posted.map(([name, { S = '' }]) => [name, S])),
      settled: Number(Item?.['settled']?.N ?? 0),
      refusedUpTo: Number(Item?.['refusedUpTo']?.N ?? 0),
      isOver,
    }
  }

  /** What a write of the newest stream of a resumable session has beside the rest. */
  function holding(): Holding {
    if (!hold) return { set: '', condition: '', values: {} }
    const { stream, open, openBefore } = hold
    const ids = new Set([...open(), ...lastTaken.flatMap(it => it.request ?? [])])
    const all = [...openBefore, [stream, [...ids]] as const]
    return {
      set: ', #open = :open',
      condition: ' AND streams = :stream',
      names: { '#open': 'open' },
      values: {
        ':open': { S: JSON.stringify(Object.fromEntries(all)) },
        ':stream': { N: String(stream) },
      },
    }
  }

  /**
   * Messages are only appended at the end and removed from the beginning: where the first one and
   * the last one are in their places, so are those between them.
   */
  async function take(waiting: Read, turn: number): Promise<boolean> {
    const { messages, posts, posted, settled, refusedUpTo } = waiting
    const last = messages.length - 1
    const bytes = messages.reduce((sum, it) => sum + it.bytes, 0)
    // The last one first: then it is the same whether places are counted before or after a removal.
    const places = messages.map((_, n) => `inbox[${last - n}]`)
    const dropped = idsToDrop(posts)
    const keys = keysToDrop(posted, settled)
    const keyNames = Object.fromEntries(keys.map((it, n) => [`#key${n}`, it]))
    const removed = [...places, ...Object.keys(keyNames).map(it => `posted.${it}`)]
    lastTaken = messages
    const held = holding()
    const isOpen = hold ? ' AND attribute_not_exists(closed)' : ''
    const forgets = dropped ? ', forgotten = :forgotten' : ''
    const refuses = settled > refusedUpTo ? ', refusedUpTo = :settled' : ''
    const drops = dropped ? ' DELETE posts :dropped' : ''
    try {
      await dynamo.updateItem({
        TableName: table,
        Key,
        UpdateExpression: `SET #turn = :turn, waitingBytes = waitingBytes - :bytes${held.set}${forgets}${refuses} REMOVE ${removed.join(', ')}${drops}`,
        ConditionExpression: `inbox[0].postId = :first AND inbox[${last}].postId = :last${held.condition}${isOpen}`,
        ExpressionAttributeNames: { '#turn': turnOfReader, ...keyNames, ...held.names },
        ExpressionAttributeValues: {
          ':turn': { S: turnText(turn) },
          ...held.values,
          ':bytes': { N: String(bytes) },
          ':first': { S: messages[0]?.postId ?? '' },
          ':last': { S: messages[last]?.postId ?? '' },
          ...(refuses && { ':settled': { N: String(settled) } }),
          ...(dropped && {
            ':dropped': { SS: dropped.ids },
            ':forgotten': { N: String(dropped.newest) },
          }),
        },
      })
      for (const { postId } of messages) onTaken?.(Date.now() - sentAtOf(postId))
      return true
    } catch (error) {
      if (!isConditionFailure(error)) throw error
      return isLastTurn(turn)
    }
  }

  /** Whether an attempt of this turn has succeeded before. */
  async function isLastTurn(turn: number): Promise<boolean> {
    const { Item } = await dynamo.getItem({ TableName: table, Key, ConsistentRead: true })
    return Item?.[turnOfReader]?.S === turnText(turn)
  }
}

/** The open requests in the item of a resumable session, by the numbers of their streams. */
export function openIn(item: Item | undefined): Map<number, RequestId[]> {
  const open: Record<string, RequestId[]> = JSON.parse(item?.['open']?.S ?? '{}')
  return new Map(Object.entries(open).map(([stream, ids]) => [Number(stream), ids]))
}
