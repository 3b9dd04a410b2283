import type { RequestId } from '@modelcontextprotocol/server'

import { type Item, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { GatewayError } from '../http/errors.ts'
import { type DynamoInboxOptions, dynamoInbox, openIn } from './dynamo-inbox.ts'
import { createPostId } from './post-id.ts'
import type { SseSession } from './relay.ts'
import {
  isSameBody,
  type PostedRequest,
  type ResumableSessions,
  toPosted,
} from './resumable-sessions.ts'
import { ifConditionHolds, key, messageContent, nowSeconds, sessionLease } from './table.ts'
import {
  bytesOf,
  hasRoom,
  hasRoomApart,
  limitOf,
  MAX_TEXT_BYTES,
  SESSION,
  toEntry,
  tooManyWait,
} from './waiting-messages.ts'

/**
 * Resumable sessions in the Session table: the item of a session (dynamo-relay.ts) with more
 * attributes:
 *
 *     streams  the number of the newest stream: only its environment takes messages
 *     posted   by the key of a request: the hash of its body, when it was posted, and the number of
 *              the post
 *     settled  the number up to which a client has said that its posts are settled
 *     refusedUpTo  the number up to which posts are refused, because their keys are dropped
 *     open     by the number of a stream: the requests that it took and has not answered (JSON)
 *     turn     the last turn of the newest stream
 *
 * The lease (aliveUntil) is that of the session: it outlives the streams. That an environment lives
 * is in the log of its stream, see event-store.ts.
 */
export function dynamoResumableSessions(options: DynamoInboxOptions): ResumableSessions {
  const { dynamo, table } = options
  const { toParts } = messageContent(dynamo, table)

  return {
    async open({ id, owner }, open) {
      const opened = dynamo.putItem({
        TableName: table,
        Item: {
          ...key(id, SESSION),
          owner: { S: owner },
          inbox: { L: [] },
          waitingBytes: { N: '0' },
          forgotten: { N: '0' },
          streams: { N: '1' },
          posted: { M: {} },
          open: { S: '{}' },
          ...sessionLease(),
        },
        ConditionExpression: 'attribute_not_exists(channel)',
      })
      await opened.catch(error => {
        // The first attempt of a write that was repeated may have put it.
        if (!(isConditionFailure(error) && error.attempts > 1)) throw error
      })
      return held(id, 1, undefined, open)
    },
    async resume({ id, owner }, open) {
      const resumed = await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key: key(id, SESSION),
          UpdateExpression:
            'SET streams = streams + :one, aliveUntil = :aliveUntil, expiresAt = :expiresAt',
          ConditionExpression: OPEN,
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: {
            ':one': { N: '1' },
            ...openValues(owner),
            ...renewed(),
          },
          ReturnValues: 'ALL_NEW',
        }),
      )
      const item = resumed?.Attributes
      return item && held(id, Number(item['streams']?.N), item, open)
    },
    async post(session, message, request) {
      const isLong = Buffer.byteLength(message) > MAX_TEXT_BYTES
      // A post that is refused must not leave parts in the table.
      const known = isLong ? await look(session, request) : undefined
      if (typeof known === 'boolean') return known
      if (known && !hasRoomApart(known.waitingBytes)) throw tooManyWait()
      const id = { request: { S: JSON.stringify(request.id) } }
      const apart = async () => ({ ...(await toParts(session.id, Buffer.from(message))), ...id })
      let content: Item = isLong ? await apart() : { text: { S: message }, ...id }
      for (let attempt = 1; ; attempt++) {
        const refused = await append(session, request, content)
        if (typeof refused === 'boolean') return refused
        const mayFit = content['text'] && !hasRoom(refused.waitingBytes, content)
        if (attempt === MAX_ATTEMPTS || (!mayFit && !hasRoom(refused.waitingBytes, content)))
          throw tooManyWait()
        if (mayFit) content = await apart()
      }
    },
    async end({ id, owner }) {
      const ended = await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key: key(id, SESSION),
          UpdateExpression: 'SET closed = :true',
          ConditionExpression: OPEN,
          ExpressionAttributeNames: { '#owner': 'owner' },
          ExpressionAttributeValues: { ':true': { BOOL: true }, ...openValues(owner) },
        }),
      )
      return ended !== undefined
    },
  }

  function held(id: string, stream: number, item: Item | undefined, open: () => RequestId[]) {
    const openBefore = openIn(item)
    const inbox = dynamoInbox(options, id, { stream, open, openBefore })
    return { inbox, stream, openBefore: new Map(openBefore) }
  }

  /** Whether the message is stored. Otherwise what the item has: another attempt may succeed. */
  async function append(session: SseSession, request: PostedRequest, content: Item) {
    const { id, owner } = session
    const { key: name, place } = request
    try {
      await dynamo.updateItem({
        TableName: table,
        Key: key(id, SESSION),
        UpdateExpression: `SET inbox = list_append(inbox, :entry), waitingBytes = waitingBytes + :bytes, posted.#key = :posted${place ? ', settled = :settled' : ''}`,
        ConditionExpression: `${OPEN} AND attribute_not_exists(posted.#key) AND waitingBytes <= :room${place ? ' AND NOT refusedUpTo >= :number' : ''}`,
        ExpressionAttributeNames: { '#owner': 'owner', '#key': name },
        ExpressionAttributeValues: {
          ':entry': { L: [toEntry(createPostId(0), content)] },
          ':bytes': { N: String(bytesOf(content)) },
          ':room': { N: String(limitOf(content) - bytesOf(content)) },
          ':posted': { S: toPosted(request) },
          ...(place && {
            ':number': { N: String(place.number) },
            ':settled': { N: String(place.settled) },
          }),
          ...openValues(owner),
        },
      })
      return true
    } catch (error) {
      if (!isConditionFailure(error)) throw repeatable(error)
    }
    return look(session, request)
  }

  /** Whether the message is stored or refused. Otherwise what the item has: it may be appended. */
  async function look({ id, owner }: SseSession, request: PostedRequest) {
    const { Item } = await dynamo
      .getItem({ TableName: table, Key: key(id, SESSION), ConsistentRead: true })
      .catch(error => {
        throw repeatable(error)
      })
    if (!isOpen(Item, owner)) return false
    const posted = Item?.['posted']?.M?.[request.key]?.S
    const { number = Number.POSITIVE_INFINITY } = request.place ?? {}
    if (posted === undefined && number <= Number(Item?.['refusedUpTo']?.N))
      throw new GatewayError(
        'conflict',
        `Post ${number} is settled: give each new post the next number`,
      )
    if (posted === undefined) return { waitingBytes: Number(Item?.['waitingBytes']?.N) }
    // An earlier post, or an attempt of this write whose response was lost.
    if (isSameBody(posted, request)) return true
    throw new GatewayError(
      'conflict',
      `The id ${JSON.stringify(request.id).slice(0, 100)} belongs to another request of this session: give each request an id of its own`,
    )
  }
}

/** A post is tried so often, each time with what the item says then. */
const MAX_ATTEMPTS = 5

const OPEN =
  'attribute_exists(streams) AND #owner = :owner AND aliveUntil > :now AND attribute_not_exists(closed)'

const openValues = (owner: string): Item => ({
  ':owner': { S: owner },
  ':now': { N: String(nowSeconds()) },
})

const isOpen = (item: Item | undefined, owner: string) =>
  item?.['owner']?.S === owner &&
  Number(item['aliveUntil']?.N) > nowSeconds() &&
  item['closed'] === undefined

function renewed(): Item {
  const { aliveUntil, expiresAt } = sessionLease()
  return { ':aliveUntil': aliveUntil, ':expiresAt': expiresAt }
}

/** Where the write has succeeded all the same, the repeated request finds its key. */
function repeatable(error: unknown): GatewayError {
  if (error instanceof GatewayError && error.code === 'service_unavailable') return error
  return new GatewayError(
    'service_unavailable',
    'The session table did not answer: send the same message again',
    { headers: { 'retry-after': '1' }, cause: error },
  )
}
