import { AwsError } from '../aws/aws-error.ts'
import { type Item, isConditionFailure } from '../dynamodb/dynamodb.ts'
import { GatewayError } from '../http/errors.ts'
import { type DynamoInboxOptions, dynamoInbox } from './dynamo-inbox.ts'
import { createPostId, givenUp, type PostId } from './post-id.ts'
import type { Relay, SseSession } from './relay.ts'
import { ifConditionHolds, key, leaseUntil, messageContent, nowSeconds } from './table.ts'
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

/** A post is tried so often, each time with what the item says then. */
const MAX_ATTEMPTS = 5

/**
 * A relay in the Session table. All of a session is in one item, so its holder reads one item:
 *
 *     channel          position  attributes
 *     <id>             session   owner, aliveUntil (the lease), closed, expiresAt,
 *                                inbox: the messages that wait, in order of arrival; waitingBytes,
 *                                posts: the ids of the last posts; forgotten: the time before which
 *                                ids were dropped; taken#<reader>: the last turn of a reader
 *     <id>#<uuid>#<n>  part      a part of a message that is stored apart; table.ts
 *
 * The same table holds MCP sessions (dynamo-sessions.ts) and their events (dynamo-event-store.ts).
 *
 * A post is one write, which appends the message to `inbox`. It fails unless the session is open
 * and the sender's own. A message that is too long is stored apart first, and then its name is
 * appended: so it is in the inbox only once it can be read. dynamo-inbox.ts takes the messages.
 */
export function dynamoRelay(options: DynamoInboxOptions): Relay {
  const { dynamo, table, leaseSeconds } = options
  const { toParts } = messageContent(dynamo, table)
  const join = (id: string) => dynamoInbox(options, id)

  return {
    async open({ id, owner }) {
      const opened = dynamo.putItem({
        TableName: table,
        Item: {
          ...key(id, SESSION),
          owner: { S: owner },
          inbox: { L: [] },
          waitingBytes: { N: '0' },
          forgotten: { N: '0' },
          ...leaseUntil(leaseSeconds),
        },
        // A late second attempt must not empty the inbox.
        ConditionExpression: 'attribute_not_exists(channel)',
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
      let content: Item | undefined =
        Buffer.byteLength(message) > MAX_TEXT_BYTES ? undefined : { text: { S: message } }
      // A post that is refused must not leave parts in the table.
      const item = content ? undefined : await read(session.id)
      if (!content && !isOpen(item, session)) return false
      if (item && !hasRoomApart(Number(item['waitingBytes']?.N))) throw tooManyWait()
      let after = 0
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        content ??= await toParts(session.id, Buffer.from(message))
        const postId = createPostId(after)
        const refused = await append(session, postId, content)
        if (typeof refused === 'boolean') return refused
        after = refused.forgotten
        if (content['text'] && !hasRoom(refused.waitingBytes, content)) content = undefined
        else if (!hasRoom(refused.waitingBytes, content)) throw tooManyWait()
      }
      throw tooManyWait()
    },
  }

  /**
   * Whether the message is stored. Otherwise what the item has: another attempt may succeed.
   */
  async function append(session: SseSession, postId: PostId, content: Item) {
    const { id, owner } = session
    try {
      await dynamo.updateItem({
        TableName: table,
        Key: key(id, SESSION),
        UpdateExpression:
          'SET inbox = list_append(inbox, :entry), waitingBytes = waitingBytes + :bytes ADD posts :ids',
        ConditionExpression: `${STORED} AND ${OPEN} AND ${NEW} AND waitingBytes <= :room`,
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':entry': { L: [toEntry(postId, content)] },
          ':bytes': { N: String(bytesOf(content)) },
          ':room': { N: String(limitOf(content) - bytesOf(content)) },
          ':owner': { S: owner },
          ':now': { N: String(nowSeconds()) },
          ...idValues(postId, [postId.text]),
        },
      })
      return true
    } catch (error) {
      if (!isConditionFailure(error)) {
        if (mayBeDone(error) && (await isStored(id, postId, error))) return true
        throw error
      }
      const item = await read(id)
      // An earlier attempt of the same write had no response.
      if (hasId(item, postId.text)) return true
      const forgotten = Number(item?.['forgotten']?.N)
      if (error.attempts > 1 && forgotten >= postId.sentAt) throw unknownWhetherStored(error)
      if (!isOpen(item, session)) return false
      return { forgotten, waitingBytes: Number(item?.['waitingBytes']?.N) }
    }
  }

  /**
   * Whether a message is stored whose write has failed. Where it is not, its id is recorded: a
   * write that is still under way is refused then, and the sender may send again.
   */
  async function isStored(id: string, postId: PostId, cause: unknown): Promise<boolean> {
    try {
      const isGivenUp = await ifConditionHolds(
        dynamo.updateItem({
          TableName: table,
          Key: key(id, SESSION),
          UpdateExpression: 'ADD posts :ids',
          ConditionExpression: `${STORED} AND ${NEW}`,
          ExpressionAttributeValues: idValues(postId, [postId.text, givenUp(postId)]),
        }),
      )
      if (isGivenUp) return false
      const item = await read(id)
      if (hasId(item, givenUp(postId))) return false
      if (hasId(item, postId.text)) return true
      if (!item) return false
    } catch (error) {
      // Not the error of the table: that one says that the message may be sent again.
      throw unknownWhetherStored(cause, error)
    }
    throw unknownWhetherStored(cause)
  }

  async function read(id: string): Promise<Item | undefined> {
    const { Item } = await dynamo.getItem({
      TableName: table,
      Key: key(id, SESSION),
      ConsistentRead: true,
    })
    return Item
  }
}

const hasId = (item: Item | undefined, text: string) => item?.['posts']?.SS?.includes(text) ?? false

/** False for a write that DynamoDB has refused, each time that it was sent. */
function mayBeDone(error: unknown): boolean {
  const cause = error instanceof GatewayError ? error.cause : error
  return !(cause instanceof AwsError) || cause.mayBeDone
}

/** Whether this owner has such an open session. The condition of a write decides. */
const isOpen = (item: Item | undefined, { owner }: SseSession) =>
  item?.['owner']?.S === owner &&
  Number(item['aliveUntil']?.N) > nowSeconds() &&
  item['closed'] === undefined

const STORED = 'attribute_exists(channel)'
const OPEN = '#owner = :owner AND aliveUntil > :now AND attribute_not_exists(closed)'
const NEW = 'forgotten < :sentAt AND NOT contains(posts, :id)'

const idValues = ({ text, sentAt }: PostId, ids: string[]): Item => ({
  ':id': { S: text },
  ':ids': { SS: ids },
  ':sentAt': { N: String(sentAt) },
})

const unknownWhetherStored = (cause: unknown, error = cause) =>
  new Error(`It is unknown whether the message was stored: ${String(error)}`, { cause })
