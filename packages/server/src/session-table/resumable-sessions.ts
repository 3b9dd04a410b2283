import { createHash } from 'node:crypto'

import type { RequestId } from '@modelcontextprotocol/server'

import type { Inbox, SseSession } from './relay.ts'
import { requestKey } from './sessions.ts'

/**
 * SSE sessions that outlive their streams, for clients that announce resumption:
 * docs/resume-protocol.md. The relay carries their notifications and responses, as those of every
 * SSE session.
 */
export interface ResumableSessions {
  /** Makes a session known, with this environment as the first to hold its stream. */
  open(session: SseSession, open: () => RequestId[]): Promise<HeldSession>
  /**
   * Takes the session over: every earlier stream ends. Undefined when the session is unknown,
   * closed, expired or another owner's.
   */
  resume(session: SseSession, open: () => RequestId[]): Promise<HeldSession | undefined>
  /**
   * Stores a request once. Resolves like `Relay.post`, also for one that was stored before.
   *
   * @throws GatewayError `conflict` where the id was used for another message, `rate_limited` or
   * `service_unavailable` where it was not stored now: it may be posted again
   */
  post(session: SseSession, message: string, request: PostedRequest): Promise<boolean>
  /**
   * Ends the session. Messages that wait are not delivered. False when this owner has no such
   * session.
   */
  end(session: SseSession): Promise<boolean>
}

export interface HeldSession {
  inbox: HeldInbox
  /** Counts the streams of the session from 1. */
  stream: number
  /** By the number of an earlier stream: requests that it took and has not answered, as known. */
  openBefore: ReadonlyMap<number, RequestId[]>
}

export interface HeldInbox extends Inbox {
  /** Takes no more messages. Those that were taken are still delivered. */
  leave(): void
  /** An earlier stream has answered everything: its requests need not be kept any longer. */
  forget(stream: number): void
  /** Whether the client has ended the session. */
  isEnded(): boolean
}

export interface PostedRequest {
  id: RequestId
  /** Short for the id, see `requestKey`. */
  key: string
  /** Short for the body. */
  hash: string
  /** Where the client numbers its posts. */
  place?: PostPlace | undefined
}

/** A post among the posts of its session: docs/resume-protocol.md. */
export interface PostPlace {
  /** The same for each repetition. */
  number: number
  /** The client sends no post again up to this one. Less than `number`. */
  settled: number
}

export function postedRequest(id: RequestId, message: string, place?: PostPlace): PostedRequest {
  const hash = createHash('sha256').update(message).digest('base64url').slice(0, 12)
  return { id, key: requestKey(id).slice(0, 14), hash, place }
}

/** Milliseconds for which a request that is not settled is recognized, in any environment. */
const KEEP_MS = 120_000
/** The item is written with every message, so no more are kept: 10 KB. */
const MAX_KEPT = 256
/**
 * A write removes no more: an update expression has at most 4 KB. It is more than `MAX_TAKEN`, or a
 * busy session would get more keys than it loses.
 */
const MAX_DROPPED = 60

/** What the item has for a request: its hash, when it was posted, and the number of the post. */
export const toPosted = ({ hash, place }: PostedRequest) =>
  [hash, Date.now().toString(36), ...(place ? [place.number.toString(36)] : [])].join('.')
export const isSameBody = (posted: string, { hash }: PostedRequest) => posted.startsWith(`${hash}.`)
const postedAt = (posted: string) => Number.parseInt(posted.split('.')[1] ?? '', 36)
const numberOf = (posted: string) => Number.parseInt(posted.split('.')[2] ?? '', 36)

/**
 * The keys of the requests that need not be kept any longer.
 *
 * @param settled the number up to which the posts of the session are settled
 */
export function keysToDrop(posted: ReadonlyMap<string, string>, settled: number): string[] {
  const oldestFirst = [...posted].sort(([, a], [, b]) => postedAt(a) - postedAt(b))
  const tooOld = Date.now() - KEEP_MS
  const dropped = oldestFirst.filter(
    ([, it], n) =>
      numberOf(it) <= settled || postedAt(it) < tooOld || n < oldestFirst.length - MAX_KEPT,
  )
  return dropped.slice(0, MAX_DROPPED).map(([name]) => name)
}
