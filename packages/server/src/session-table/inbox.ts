import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Inbox } from './relay.ts'

export interface InboxStore {
  pollMs: { busy: number; idle: number }
  /** Some of the messages from a position on, in order; `open` ones are not taken and not expired. */
  query(from: number): Promise<{ position: number; open: boolean }[]>
  /** The message, for one of any number of takers, however often that one asks; undefined for the others. */
  take(position: number, taker: string): Promise<string | undefined>
  renew(): Promise<boolean>
  /** How many messages were posted in all; undefined where the session was gone already. */
  close(): Promise<number | undefined>
}

/** How long a position without a message holds up the ones behind it: its poster is usually just slower. */
const GAP_MS = 2_000
/** When a poster that has not delivered is taken to be dead. Until then its message is handed out late. */
const LATE_MS = 60_000
/** A quiet inbox is looked at less often, in proportion to how long it has been quiet. */
const BACKOFF = 1 / 64
/** The pause after a store that failed. */
const RETRY_MS = 500

/** An inbox over any store that numbers messages from 1 and hands each to one taker. */
export function createInbox({ pollMs, query, take, renew, close }: InboxStore): Inbox {
  /** The last position, once nothing can follow it. */
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
    /** Every position up to here is handed out, or given up. */
    let settled = 0
    /** Positions passed over, and since when they are missed. */
    const missing = new Map<number, number>()
    let lastMessageAt = Date.now()
    /** `close` cuts a pause short, so that what is left is fetched at once. */
    const cut = AbortSignal.any([signal, closed.signal])

    while (!signal.aborted && settled < end) {
      const found = await untilDone(() => query(settled + 1), signal)
      const ready = positionsToTake(new Map(found?.map(({ position, open }) => [position, open])))
      // One after the other: what is taken has to be handed out before anything can go wrong.
      for (const position of ready) {
        // The same taker in every attempt: the first one may have succeeded unheard.
        const taker = randomUUID()
        const message = await untilDone(() => take(position, taker), signal)
        if (message === undefined) continue
        lastMessageAt = Date.now()
        yield message
      }
      if (ready.length > 0) continue
      const quiet = (Date.now() - lastMessageAt) * BACKOFF
      await pause(
        Math.min(Math.max(quiet, pollMs.busy), pollMs.idle),
        closed.signal.aborted ? signal : cut,
      )
    }

    /** Walks the page in order: up to the first gap that is still young, over those that are old. */
    function positionsToTake(found: Map<number, boolean>): number[] {
      const now = Date.now()
      // Beyond the page there may be more; only an empty one shows that there is not.
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

  /** Asks again when the store fails, until the stream itself ends: its lease bounds that. */
  async function untilDone<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    while (true) {
      try {
        return await ask()
      } catch (error) {
        if (signal.aborted) return undefined
        console.warn(`inbox: ${(error as Error).name}: ${(error as Error).message}`)
        await pause(RETRY_MS, signal)
      }
    }
  }

  async function pause(ms: number, signal: AbortSignal) {
    await sleep(ms, undefined, { signal }).catch(() => {
      // Aborted: the loop looks at the reason.
    })
  }
}
