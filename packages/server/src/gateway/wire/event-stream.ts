interface SseEvent {
  id?: string
  /** `message`, where it is absent. */
  name?: string
  /** Without line ends. */
  data: string
  /** Milliseconds after which a client that lost the stream should open a new one. */
  retry?: number
}

/** The body of an event stream, and the writing end of it. Every write waits until the reader takes more. */
export interface EventStream {
  response: Response
  event(event: SseEvent): Promise<void>
  comment(text: string): Promise<void>
  end(): Promise<void>
  /** Settles when the stream has ended, or when its reader is gone. */
  closed: Promise<void>
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
  const write = (block: string) => writer.write(encoder.encode(block))

  return {
    response: new Response(readable, { headers: HEADERS }),
    event: event => write(toText(event)),
    comment: text => write(`: ${text}\n\n`),
    end: () => writer.close(),
    closed: writer.closed.catch(() => {
      // The reader is gone; what was not written has nobody to read it.
    }),
  }
}

/** A stream of which all is known when it begins. */
export const eventResponse = (events: SseEvent[]) =>
  new Response(events.map(toText).join(''), { headers: HEADERS })

const toText = ({ id, name, data, retry }: SseEvent) =>
  [
    id === undefined ? '' : `id: ${id}\n`,
    retry === undefined ? '' : `retry: ${retry}\n`,
    name === undefined ? '' : `event: ${name}\n`,
    `data: ${data}\n\n`,
  ].join('')
