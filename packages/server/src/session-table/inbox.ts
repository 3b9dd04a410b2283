import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { retry } from '../retry.ts'
import type { Inbox } from './relay.ts'

export interface InboxStore {
  pollMs: { busy: number; idle: number }
  /**
   * Some of the messages from a position on, in order. `open` messages are neither taken nor
   * expired.
   */
  query(from: number): Promise<{ position: number; open: boolean }[]>
  /**
   * Gives the message to one taker, as often as that one asks, and undefined to all others.
   */
  take(position: number, taker: string): Promise<string | undefined>
  renew(): Promise<boolean>
  /** How many messages were posted in all. Undefined where the session was already gone. */
  close(): Promise<number | undefined>
}

/**
 * How long an empty position holds back the messages behind it. Usually its sender is only slower.
 */
const GAP_MS = 2_000
/**
 * When the sender of an empty position counts as dead. Until then its message is delivered late.
 */
const LATE_MS = 60_000
/** The pause between two polls grows with the time since the last message, by this factor. */
const BACKOFF = 1 / 64
/**
 * More messages may follow a request or a notification. The response to a ping comes alone, every
 * 15 seconds, and must not keep the pauses short.
 */
const hasMethod = (message: string) => message.includes('"method"')
/** The pause after a failed call of the store. */
const RETRY_MS = 500

/** An inbox over any store that numbers messages from 1 and gives each message to one taker. */
export function createInbox({ pollMs, query, take, renew, close }: InboxStore): Inbox {
  /** The last position; known once the session is closed. */
  let end = Number.POSITIVE_INFINITY
  const closed = new AbortController()

  return {
    messages,
    renew,
    async close() {
      end = (await close()) ?? 0
      closed.abort()
    },
  }

  async function* messages(signal: AbortSignal): AsyncGenerator<string> {
    /** All positions up to this one are delivered or given up. */
    let settled = 0
    /** Empty positions behind `settled`, each with the time when it was first seen empty. */
    const missing = new Map<number, number>()
    let lastMessageAt = Date.now()
    /** `close` ends a pause early, so that the remaining messages are read at once. */
    const closedOrAborted = AbortSignal.any([signal, closed.signal])

    while (!signal.aborted && settled < end) {
      const found = await untilDone(() => query(settled + 1), signal)
      const ready = positionsToTake(new Map(found?.map(({ position, open }) => [position, open])))
      // One at a time: a message that is taken must be delivered before anything else can fail.
      for (const position of ready) {
        // All attempts use the same taker: an earlier one may have succeeded without a response.
        const taker = randomUUID()
        const message = await untilDone(() => take(position, taker), signal)
        if (message === undefined) continue
        if (hasMethod(message)) lastMessageAt = Date.now()
        yield message
      }
      if (ready.length > 0) continue
      const quiet = (Date.now() - lastMessageAt) * BACKOFF
      await pause(
        Math.min(Math.max(quiet, pollMs.busy), pollMs.idle),
        closed.signal.aborted ? signal : closedOrAborted,
      )
    }

    /** Walks the positions in order. Stops at the first new gap and skips old ones. */
    function positionsToTake(found: Map<number, boolean>): number[] {
      const now = Date.now()
      // Messages may follow beyond a page. Only an empty page shows that no more are there.
      const last = found.size > 0 ? Math.max(...found.keys()) : Number.isFinite(end) ? end : settled
      const ready: number[] = []
      for (let position = settled + 1; position <= last; position++) {
        const open = found.get(position)
        if (open === undefined) {
          const since = missing.get(position) ?? now
          missing.set(position, since)
          if (now - since < GAP_MS) break
          if (now - since > LATE_MS || Number.isFinite(end)) settle(position)
          continue
        }
        if (open) ready.push(position)
        settle(position)
      }
      return ready
    }

    function settle(position: number) {
      missing.delete(position)
      if (position === settled + 1) settled = position
    }
  }

  /** Retries until the stream ends, which its lease bounds. Undefined once `signal` has aborted. */
  async function untilDone<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await retry(ask, pauseAfter, signal)
    } catch (error) {
      if (signal.aborted) return undefined
      throw error
    }

    function pauseAfter(error: unknown): number | undefined {
      if (signal.aborted) return undefined
      log.warn('inbox: the session table failed, retrying', { error: describe(error) })
      return RETRY_MS
    }
  }

  async function pause(ms: number, signal: AbortSignal) {
    await sleep(ms, undefined, { signal }).catch(() => {
      // Aborted: the loop looks at the reason.
    })
  }
}
