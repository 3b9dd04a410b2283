interface SseEvent {
  id?: string
  /** `message` by default. */
  name?: string
  /** One line. */
  data: string
  /** Milliseconds after which a client that lost the stream should open a new one. */
  retry?: number
}

/**
 * A response with a stream of server-sent events, and its writer.
 *
 * A write resolves when the reader takes more. Once the reader is gone, or the stream has ended, a
 * write does nothing. No write rejects.
 */
export interface EventStream {
  response: Response
  event(event: SseEvent): Promise<void>
  comment(text: string): Promise<void>
  end(): Promise<void>
  /** Aborts when the stream has ended or its reader is gone. */
  closed: AbortSignal
}

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export function createEventStream(): EventStream {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  const closed = new AbortController()
  writer.closed.then(close, close)

  return {
    response: new Response(readable, { headers: HEADERS }),
    event: event => write(toText(event)),
    comment: text => write(`: ${text}\n\n`),
    end: () => writer.close().catch(ignore),
    closed: closed.signal,
  }

  function write(block: string): Promise<void> {
    return writer.write(encoder.encode(block)).catch(ignore)
  }

  function close() {
    closed.abort()
  }

  function ignore() {
    // The reader is gone or the stream has ended: `closed` tells both.
  }
}

/** A response whose events are all known. */
export const eventResponse = (events: SseEvent[]) =>
  new Response(events.map(toText).join(''), { headers: HEADERS })

const toText = ({ id, name, data, retry }: SseEvent) =>
  [
    id === undefined ? '' : `id: ${id}\n`,
    retry === undefined ? '' : `retry: ${retry}\n`,
    name === undefined ? '' : `event: ${name}\n`,
    `data: ${data}\n\n`,
  ].join('')
