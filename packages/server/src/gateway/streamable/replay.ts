import { setTimeout as sleep } from 'node:timers/promises'

import { describe } from '../../http/errors.ts'
import type { EventStore, StoredEvents, StreamId } from '../../session-table/event-store.ts'
import type { McpSession } from '../../session-table/sessions.ts'
import { createEventStream } from '../wire/event-stream.ts'
import { isReply } from '../wire/jsonrpc.ts'

export interface ResumeOptions {
  session: McpSession
  eventStore: EventStore
  heartbeatSeconds: number
  /** Milliseconds this environment has for it. */
  timeMs: number
}

/** Between two looks at what another environment has sent meanwhile. */
const POLL_MS = 150

/** The id of an event on the stream of an answer: the stream, and how many messages were sent on it by then. */
const EVENT_ID = /^([\w-]{16})\.(\d{1,12})$/

/**
 * The rest of an answer whose stream a client has lost, from behind the last event it got, while the environment that
 * sends it may still be at work. Undefined for an event that is not known, or not any more.
 */
export async function resumeAnswer(
  lastEventId: string,
  { session, eventStore, heartbeatSeconds, timeMs }: ResumeOptions,
): Promise<Response | undefined> {
  const [, stream, sequence] = EVENT_ID.exec(lastEventId) ?? []
  if (!stream) return undefined
  const answer = { session: session.id, stream }
  const first = await eventStore.read(answer, Number(sequence))
  if (!first) return undefined

  const deadline = Date.now() + timeMs
  const events = createEventStream()
  const heartbeat = setInterval(
    () =>
      void events.comment('ka').catch(() => {
        // The reader is gone.
      }),
    heartbeatSeconds * 1000,
  )
  forward(answer, first)
    .catch(error => console.warn(JSON.stringify({ message: 'resume', error: describe(error) })))
    .finally(() => {
      clearInterval(heartbeat)
      return events.end().catch(() => {
        // The reader is gone.
      })
    })
  return events.response

  async function forward(answer: StreamId, first: StoredEvents) {
    let after = Number(sequence)
    for (let reading: StoredEvents | undefined = first; reading; ) {
      for (const { sequence, message } of reading.messages) {
        await events.event({ id: `${stream}.${sequence}`, name: 'message', data: message })
        after = sequence
      }
      if (reading.messages.length === 0) {
        if (reading.state !== 'running') return tellWhatIsMissing(answer, reading, after)
        if (Date.now() > deadline) return
        await sleep(POLL_MS)
      }
      reading = await eventStore.read(answer, after)
    }
  }

  /** Nothing follows: a request that has no answer gets one, so that its client waits no longer. */
  async function tellWhatIsMissing(
    answer: StreamId,
    { requests, state }: StoredEvents,
    after: number,
  ) {
    const answered = new Set<unknown>()
    for (
      let from = 0, reading: StoredEvents | undefined;
      ;
      from = reading.messages.at(-1)?.sequence ?? 0
    ) {
      reading = await eventStore.read(answer, from)
      if (!reading || reading.messages.length === 0) break
      for (const { message } of reading.messages) {
        const parsed = JSON.parse(message)
        if (isReply(parsed)) answered.add(parsed.id)
      }
    }
    for (const id of requests.filter(it => !answered.has(it)))
      await events.event({
        id: `${stream}.${after}`,
        name: 'message',
        data: JSON.stringify({ jsonrpc: '2.0', id, error: ERRORS[state] }),
      })
  }
}

const data = { reason: 'outcome-unknown', retrySafe: false }
const ERRORS: Partial<Record<StoredEvents['state'], object>> = {
  lost: {
    code: -32000,
    message: 'The environment that ran the request is gone; whether it took effect is unknown',
    data,
  },
  complete: { code: -32000, message: 'There is no answer, or it was not kept', data },
}
