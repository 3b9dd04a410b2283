import { setImmediate as turn } from 'node:timers/promises'

import { createParser, type EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'

/** In characters. A tool's 6 MB answer is JSON inside JSON on the wire, so it can be a multiple of that. */
export const MAX_EVENT_SIZE = 64 * 1024 * 1024

interface ReadEventsOptions {
  onEvent(event: EventSourceMessage): void
  /** The server asks for this many milliseconds before the stream is opened again. */
  onRetry?(milliseconds: number): void
  /** The stream is given up when it brings no byte, not even a comment, for this long. */
  heartbeatTimeoutMs: number
}

/**
 * Reads an event stream until it ends. Rejects when it breaks off, falls silent, holds an event that is
 * too large, or when `onEvent` throws; the body is let go of in every case.
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  { onEvent, onRetry, heartbeatTimeoutMs }: ReadEventsOptions,
): Promise<void> {
  const reader = body.getReader()
  reader.closed.catch(() => {}) // read() rejects with the same; unhandled, this one would end the process
  const decoder = new TextDecoder()
  const events: EventSourceMessage[] = []
  let isTooLarge = false
  const parser = createParser({
    onEvent: event => void events.push(event),
    ...(onRetry && { onRetry }),
    maxBufferSize: MAX_EVENT_SIZE,
    onError(error) {
      // The other types are fields that the specification says to ignore.
      if (error.type === 'max-buffer-size-exceeded') isTooLarge = true
    },
  })

  let silent = false
  const watchdog = setTimeout(() => {
    silent = true
    void reader.cancel().catch(() => {})
  }, heartbeatTimeoutMs)
  watchdog.unref()

  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      watchdog.refresh()
      parser.feed(decoder.decode(value, { stream: true }))
      for (const event of events.splice(0)) {
        onEvent(event)
        // The SDKs handle notifications a little later than answers, and with the answer they forget who
        // wanted to hear of progress: without the pause, progress in the same chunk would be lost.
        await turn()
      }
      if (isTooLarge)
        throw new ClientError(
          'invalid_response',
          `An event is larger than ${MAX_EVENT_SIZE} characters`,
        )
    }
  } finally {
    clearTimeout(watchdog)
    void reader.cancel().catch(() => {})
  }
  if (silent)
    throw new ClientError(
      'timeout',
      `The event stream brought nothing for ${heartbeatTimeoutMs} ms, not even a heartbeat`,
    )
}

export const isEventStream = ({ headers }: Response) =>
  /^text\/event-stream/i.test(headers.get('content-type') ?? '')
