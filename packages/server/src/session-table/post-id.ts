import { randomBytes } from 'node:crypto'

/**
 * The ids of the last posts are kept with the inbox, so that a post that is repeated after a lost
 * response is stored once. The item is written with every message, so only so many ids are kept,
 * and for so long. A post from before the newest id that was dropped is refused.
 */
const KEEP_IDS = 24
const KEEP_MS = 60_000

/** The part of the text before the point is its time, so that the ids of posts can be dropped. */
export interface PostId {
  text: string
  /** In milliseconds since 1970. */
  sentAt: number
}

/** @param after the time of the new id is later, whatever the clock says */
export function createPostId(after: number): PostId {
  const sentAt = Math.max(Date.now(), after + 1)
  return { text: `${sentAt.toString(36)}.${randomBytes(6).toString('base64url')}`, sentAt }
}

/** Marks that the sender has given a post up: it must not be stored later. */
export const givenUp = ({ text }: PostId) => `!${text}`

export const sentAtOf = (text: string) => Number.parseInt(text.replace(/^!/, ''), 36)

/** The ids that need not be kept any longer, and the time of the newest of them. */
export function idsToDrop(ids: string[]): { ids: string[]; newest: number } | undefined {
  const newestFirst = ids.toSorted((a, b) => sentAtOf(b) - sentAtOf(a))
  const tooOld = Date.now() - KEEP_MS
  const first = newestFirst.findIndex((it, n) => n >= KEEP_IDS || sentAtOf(it) < tooOld)
  const newest = newestFirst[first]
  if (newest === undefined) return undefined
  return { ids: newestFirst.slice(first), newest: sentAtOf(newest) }
}
