import { createParser, type EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { startWatchdog, turn } from './timers.ts'

/** In characters. An output of 6 MB is JSON inside JSON on the wire, so it can be much longer. */
export const MAX_EVENT_SIZE = 64 * 1024 * 1024

const SILENT =
  'The connection was lost, for instance because this machine slept or changed its network. Connect again.'

interface ReadEventsOptions {
  onEvent(event: EventSourceMessage): void
  /** The server asks for this delay before the stream is opened again. */
  onRetry?(milliseconds: number): void
  /** A stream without a byte, comments included, is given up after this time. */
  heartbeatTimeoutMs: number
}

/**
 * Reads an event stream until it ends. Rejects when it breaks off, falls silent or holds an event
 * that is too large, and when `onEvent` throws. The body is cancelled in every case.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  { onEvent, onRetry, heartbeatTimeoutMs }: ReadEventsOptions,
): Promise<void> {
  const reader = body.getReader()
  reader.closed.catch(() => {}) // read() rejects with the same error
  // Node 24 would remove a second byte-order mark too, where a chunk begins with it.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let isStart = true
  const events: EventSourceMessage[] = []
  let isTooLarge = false
  const parser = createParser({
    onEvent: event => void events.push(event),
    ...(onRetry && { onRetry }),
    maxBufferSize: MAX_EVENT_SIZE,
    onError(error) {
      // The other errors are fields that the specification says to ignore.
      if (error.type === 'max-buffer-size-exceeded') isTooLarge = true
    },
  })

  let endsInCarriageReturn = false
  let isSilent = false
  /** Undefined while events are handled, which is not the time of the server. */
  let reading: Promise<unknown> | undefined
  const watchdog = startWatchdog(heartbeatTimeoutMs, async () => {
    const silent = reading
    // After a long computation, timers come before the bytes that have arrived meanwhile.
    await turn()
    if (!silent || reading !== silent) return
    isSilent = true
    void reader.cancel().catch(() => {})
  })

  try {
    for (;;) {
      watchdog.restart()
      const read = reader.read()
      reading = read
      const { done, value } = await read
      reading = undefined
      const decoded = done ? decoder.decode() : decoder.decode(value, { stream: true })
      const text = isStart ? decoded.replace(/^\ufeff/, '') : decoded
      if (decoded) isStart = false
      if (text || done) {
        // The parser waits for the line feed that may follow a carriage return.
        parser.feed(endsInCarriageReturn && !text.startsWith('\n') ? `\n${text}` : text)
        endsInCarriageReturn = text.endsWith('\r')
      }
      for (const event of events.splice(0)) {
        onEvent(event)
        // The SDKs handle a notification later than a response, and a response removes the progress
        // handler. Without this pause, progress in the same chunk would be lost.
        await turn()
      }
      if (isTooLarge)
        throw new ClientError(
          'invalid_response',
          `An event is larger than ${MAX_EVENT_SIZE} characters`,
        )
      if (done) break
    }
  } finally {
    watchdog.stop()
    void reader.cancel().catch(() => {})
  }
  if (isSilent)
    throw new ClientError(
      'timeout',
      `The event stream was silent for ${heartbeatTimeoutMs} ms, without a heartbeat`,
      { hint: SILENT },
    )
}

export const isEventStream = ({ headers }: Response) =>
  /^text\/event-stream/i.test(headers.get('content-type') ?? '')
