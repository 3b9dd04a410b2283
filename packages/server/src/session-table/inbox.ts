import { setTimeout as sleep } from 'node:timers/promises'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { retry } from '../retry.ts'
import type { Inbox } from './relay.ts'

export interface InboxStore<Message, Waiting extends Read<Message>> {
  pollMs: { busy: number; idle: number }
  /**
   * The messages that wait, in order of arrival. The read may miss the newest ones, except where
   * `isConsistent`.
   */
  read(isConsistent: boolean): Promise<Waiting>
  /**
   * Takes the first messages that wait, all or none. False where another reader has taken one of
   * them. The same `turn` again is the same attempt: it may have succeeded without a response.
   */
  take(waiting: Waiting, turn: number): Promise<boolean>
  /** The text of a message that was taken. Undefined for one that has expired. */
  textOf(message: Message): Promise<string | undefined>
  renew(): Promise<boolean>
  close(): Promise<void>
}

interface Read<Message> {
  messages: Message[]
  /** No further message is for this reader: the session was closed, or another reader holds it. */
  isOver: boolean
}

/** The pause between two polls grows with the time since the last message, by this factor. */
const BACKOFF = 1 / 32
/**
 * More messages may follow a request or a notification. The response to a ping comes alone, every
 * 15 seconds, and must not keep the pauses short.
 */
const hasMethod = (message: string) => message.includes('"method"')
/** The pause after a failed call of the store. */
const RETRY_MS = 500

/** An inbox over any store that keeps messages in order and gives each of them to one reader. */
export function createInbox<Message, Waiting extends Read<Message>>(
  store: InboxStore<Message, Waiting>,
): Inbox & { leave(): void } {
  const { pollMs, read, take, textOf } = store
  const closed = new AbortController()
  const left = new AbortController()
  /** Taken and not delivered yet. The next call of `messages` delivers what one has left. */
  const taken: Message[] = []
  let turn = 0
  let lastMessageAt = Date.now()

  return {
    messages,
    renew: store.renew,
    async close() {
      await store.close()
      closed.abort()
    },
    leave: () => left.abort(),
  }

  async function* messages(signal: AbortSignal): AsyncGenerator<string> {
    lastMessageAt = Date.now()
    let hasLostRace = false
    /** `close` ends a pause early: the remaining messages are read at once. So does `leave`. */
    const closedOrAborted = AbortSignal.any([signal, closed.signal, left.signal])

    while (!signal.aborted) {
      yield* deliver(signal)
      if (left.signal.aborted) return
      const isClosed = closed.signal.aborted
      const waiting = await untilDone(() => read(isClosed || hasLostRace), signal)
      if (!waiting) return
      if (waiting.messages.length > 0) {
        hasLostRace = !(await takeAll(waiting, signal))
        continue
      }
      if (isClosed || waiting.isOver) return
      hasLostRace = false
      const quiet = (Date.now() - lastMessageAt) * BACKOFF
      await pause(Math.min(Math.max(quiet, pollMs.busy), pollMs.idle), closedOrAborted)
    }
  }

  /** Whether this reader has got the messages. */
  async function takeAll(waiting: Waiting, signal: AbortSignal): Promise<boolean> {
    turn += 1
    const ownTurn = turn
    const isTaken = await untilDone(() => take(waiting, ownTurn), signal)
    if (isTaken) taken.push(...waiting.messages)
    return isTaken === true
  }

  async function* deliver(signal: AbortSignal): AsyncGenerator<string> {
    for (let next = taken[0]; next !== undefined && !signal.aborted; next = taken[0]) {
      const message = next
      const text = await untilDone(() => textOf(message), signal)
      if (text === undefined && signal.aborted) return
      taken.shift()
      if (text === undefined) continue
      if (hasMethod(text)) lastMessageAt = Date.now()
      yield text
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
