import type { RequestId } from '@modelcontextprotocol/server'

import type { AttributeValue, Item } from '../dynamodb/dynamodb.ts'
import { GatewayError } from '../http/errors.ts'
import type { PostId } from './post-id.ts'
import { expiry, nowSeconds } from './table.ts'

/** The position of the item of a session. */
export const SESSION = 'session'

/** A message that waits in the item of its session. */
export interface WaitingMessage {
  postId: string
  /** What it counts for in `waitingBytes`. */
  bytes: number
  /**
   * The message, or the attributes `parts` and `partCount` of one that is stored apart, and in a
   * resumable session the id of the request.
   */
  content: Item
  expiresAt: number
  /** The id of the request, in a resumable session. */
  request?: RequestId
}

/**
 * A longer message is stored apart. An item of N KB costs N write units with every write, so a
 * message in the item of its session costs twice its length, and one that is stored apart once, and
 * three more requests.
 */
export const MAX_TEXT_BYTES = 4 * 1024
/** While so much waits, short messages are stored apart too. */
const MAX_TEXTS_WAITING = 32 * 1024
/** No more is taken than this: an item has at most 400 KB. */
const MAX_WAITING = 300 * 1024
/** What a message counts for beside its text and its request id: id, expiry and the names. */
const ENTRY_BYTES = 160

export const bytesOf = (content: Item) =>
  ENTRY_BYTES +
  Buffer.byteLength((content['text']?.S ?? '') + (content['request']?.S ?? '')) +
  (content['parts'] ? ENTRY_BYTES : 0)

/** An element of the list `inbox`. */
export const toEntry = ({ text }: PostId, content: Item): AttributeValue => ({
  M: {
    postId: { S: text },
    bytes: { N: String(bytesOf(content)) },
    ...content,
    ...expiry(),
  },
})

export const limitOf = (content: Item) => (content['text'] ? MAX_TEXTS_WAITING : MAX_WAITING)

export const hasRoom = (waitingBytes: number, content: Item) =>
  waitingBytes + bytesOf(content) <= limitOf(content)

/** Whether a message that is stored apart may be appended. Asked before its parts are written. */
export const hasRoomApart = (waitingBytes: number) => hasRoom(waitingBytes, { parts: { S: '' } })

export const tooManyWait = () =>
  new GatewayError(
    'rate_limited',
    'Too many messages of this session wait: read the stream, and send the message again later',
    { headers: { 'retry-after': '1' } },
  )

export function messagesIn(item: Item | undefined): WaitingMessage[] {
  return (item?.['inbox']?.L ?? []).map(({ M: entry = {} }) => ({
    postId: entry['postId']?.S ?? '',
    bytes: Number(entry['bytes']?.N),
    content: entry,
    expiresAt: Number(entry['expiresAt']?.N),
    ...(entry['request']?.S && { request: JSON.parse(entry['request'].S) }),
  }))
}

export const isExpired = ({ expiresAt }: WaitingMessage) => !(expiresAt > nowSeconds())
