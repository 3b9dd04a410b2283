import { setTimeout as sleep } from 'node:timers/promises'

import { describe } from '../../http/errors.ts'
import type { HttpResponse } from '../../http/http-request.ts'
import { log } from '../../http/log.ts'
import type { EventStore, StoredEvents } from '../../session-table/event-store.ts'
import type { McpSession } from '../../session-table/sessions.ts'
import { createEventStream } from '../wire/event-stream.ts'
import { isMessage, isResponse } from '../wire/jsonrpc.ts'
import { outcomeUnknown } from '../wire/outcome-unknown.ts'
import { createStreamLifetime } from '../wire/stream-lifetime.ts'
import { eventId, eventPlace } from './event-id.ts'

export interface ReplayOptions {
  session: McpSession
  eventStore: EventStore
  heartbeatSeconds: number
  /** Milliseconds that the stream may take. */
  timeMs: number
  requestId: string
}

/** Milliseconds between two reads of what another environment has sent. */
const POLL_MS = 150

/**
 * `GET /mcp` with the `Last-Event-ID` of a response stream: sends the events after it. Another
 * environment may still write the response. Undefined for an unknown or expired event.
 * See "Resumability and Redelivery" in
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export async function replayResponseStream(
  lastEventId: string,
  { session, eventStore, heartbeatSeconds, timeMs, requestId }: ReplayOptions,
): Promise<HttpResponse | undefined> {
  const place = eventPlace(lastEventId)
  if (!place) return undefined
  const { stream, sequence: lastSequence, beginning } = place
  const streamId = { session: session.id, stream }
  const first = await eventStore.read(streamId, lastSequence, beginning)
  if (!first) return undefined

  const events = createEventStream()
  const over = new AbortController()
  const onEnd = () => over.abort()
  const lifetime = createStreamLifetime({
    events,
    heartbeatSeconds,
    requestId,
    timeMs,
    onEnd,
  })
  replay(first)
    .catch(error => log.warn('replay failed', { requestId, error: describe(error) }))
    .finally(() => {
      lifetime.stop()
      return events.end()
    })
  return events.response

  async function replay(first: StoredEvents) {
    let after = lastSequence
    for (let reading: StoredEvents | undefined = first; reading; ) {
      for (const { sequence, message } of reading.messages) {
        await events.event({ id: eventId(stream, sequence), name: 'message', data: message })
        after = sequence
      }
      if (events.closed.aborted) return
      if (reading.messages.length === 0) {
        if (reading.state !== 'running') return failUnanswered(reading, after)
        if (over.signal.aborted) return
        await sleep(POLL_MS)
      }
      reading = await eventStore.read(streamId, after, beginning)
    }
  }

  /** No more messages follow: sends an error for each request that has no response. */
  async function failUnanswered({ requests, state }: StoredEvents, after: number) {
    const answered = await answeredRequests()
    const error = outcomeUnknown(
      state === 'lost'
        ? 'The environment that ran the request is gone'
        : 'There is no response, or it was not stored',
    )
    for (const id of requests.filter(it => !answered.has(it)))
      await events.event({
        id: eventId(stream, after),
        name: 'message',
        data: JSON.stringify({ jsonrpc: '2.0', id, error }),
      })
  }

  async function answeredRequests(): Promise<Set<unknown>> {
    const answered = new Set<unknown>()
    for (let after = 0; ; ) {
      const { messages } = (await eventStore.read(streamId, after)) ?? { messages: [] }
      const last = messages.at(-1)
      if (!last) return answered
      after = last.sequence
      for (const { message } of messages) {
        const parsed: unknown = JSON.parse(message)
        if (isMessage(parsed) && isResponse(parsed)) answered.add(parsed.id)
      }
    }
  }
}
