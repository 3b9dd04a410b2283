import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'

import type { HttpResponse, StreamedResponse, TextResponse } from '../../http/http-request.ts'

interface SseEvent {
  id?: string
  /** `message` by default. */
  name?: string
  /** One line. JSON, where it has characters other than printable ASCII. */
  data: string
  /** Milliseconds after which a client that lost the stream should open a new one. */
  retry?: number
}

/**
 * A response with a stream of server-sent events, and its writer.
 *
 * Events are written in the order of the calls. A write resolves when the reader takes more. Once
 * the reader is gone, or the stream has ended, a write does nothing. No write rejects.
 */
export interface EventStream {
  response: StreamedResponse
  event(event: SseEvent): Promise<void>
  comment(text: string): Promise<void>
  /** Writes whole events that are bytes already. */
  chunk(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  /** Ends the response at once and drops what is not written. Its reader gets the error. */
  abort(error: unknown): void
  /** Aborts when the stream has ended or its reader is gone. */
  closed: AbortSignal
}

const EVENT_STREAM_TYPE = 'text/event-stream'

const HEADERS = {
  'content-type': EVENT_STREAM_TYPE,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * Lambda, or a proxy, may hold a small write back until the next write. After a pause of this many
 * milliseconds a comment is written, which pushes the last event out.
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/94
 */
const PUSH_MS = 20
const PUSH = ': \n\n'

/**
 * Milliseconds between a notification and the response after it. A client of the JavaScript SDK
 * loses progress that it reads in one piece with the response.
 */
const APART_MS = 10

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export function createEventStream(): EventStream {
  const closed = new AbortController()
  let out: Writable | undefined
  let failure: unknown
  /** Goes on with the write that waits for the reader: it takes more, or is gone. */
  let goOn = () => {}
  let hasWritten = false
  let last = Promise.resolve()
  let waiting = 0
  let push: NodeJS.Timeout | undefined
  let notifiedAt = Number.NEGATIVE_INFINITY

  return {
    response: { status: 200, headers: HEADERS, writeTo },
    event: event => write(() => toText(event), isNotification(event.data)),
    comment: text => write(() => `: ${text}\n\n`),
    chunk: bytes => write(() => escapeLineEnds(bytes), isNotification(beginningOf(bytes))),
    async end() {
      clearTimeout(push)
      await last
      clearTimeout(push)
      if (closed.signal.aborted) return
      // Lambda sends the head of a response with the first byte of its body.
      if (!hasWritten) out?.write('\n')
      out?.end()
      close()
    },
    abort(error) {
      failure = error
      close()
      out?.destroy(error as Error)
    },
    closed: closed.signal,
  }

  async function writeTo(to: Writable): Promise<void> {
    const written = finished(to, { readable: false })
    out = to
    to.on('drain', () => goOn())
    to.on('close', close)
    to.on('error', close)
    if (failure) to.destroy(failure as Error)
    // It has ended before a reader came.
    else if (closed.signal.aborted) to.end('\n')
    goOn()
    await written
  }

  /** `isNotice`: a notification. Undefined for a comment, which is no message. */
  function write(toChunk: () => string | Uint8Array, isNotice?: boolean): Promise<void> {
    clearTimeout(push)
    waiting += 1
    last = last.then(async () => {
      const apartMs = notifiedAt + APART_MS - Date.now()
      if (isNotice === false && apartMs > 0)
        await new Promise(resolve => setTimeout(resolve, apartMs))
      await taken(toChunk)
      if (isNotice !== undefined) notifiedAt = isNotice ? Date.now() : Number.NEGATIVE_INFINITY
      waiting -= 1
      if (waiting === 0 && !closed.signal.aborted) push = setTimeout(pushOut, PUSH_MS)
    })
    return last
  }

  /** Resolves when the reader takes more. */
  async function taken(toChunk: () => string | Uint8Array) {
    while (!out && !closed.signal.aborted) await readerMoves()
    if (!out || closed.signal.aborted) return
    hasWritten = true
    if (out.write(toChunk())) return
    while (out.writableNeedDrain && !closed.signal.aborted) await readerMoves()
  }

  function readerMoves() {
    return new Promise<void>(resolve => {
      goOn = resolve
    })
  }

  function pushOut() {
    out?.write(PUSH)
  }

  function close() {
    clearTimeout(push)
    closed.abort()
    goOn()
  }
}

/** A response with these events, as one piece. */
export const eventResponse = (events: SseEvent[]) => inOnePiece(events.map(toText).join(''))

/** A stream that ends at once. Its client should open a new one after so many milliseconds. */
export const emptyEventStream = (reason: string, retryMs: number) =>
  inOnePiece(`: ${reason}\n\nretry: ${retryMs}\n\n`)

const inOnePiece = (text: string): TextResponse => ({ status: 200, headers: HEADERS, text })

/** The same response, where it is a stream of events that the SDK writes, by the rules of ours. */
export function withOurEventStream(response: Response): HttpResponse {
  const { body, headers } = response
  if (!body || !headers.get('content-type')?.startsWith(EVENT_STREAM_TYPE)) return response
  const events = createEventStream()
  const reader = body.getReader()
  events.closed.addEventListener('abort', () => void reader.cancel().catch(ignore), { once: true })
  copy().catch(events.abort)
  return { ...events.response, status: response.status, headers: Object.fromEntries(headers) }

  /** The SDK writes each event as one chunk. */
  async function copy() {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return events.end()
      await events.chunk(value)
    }
  }

  function ignore() {
    // The stream of the SDK has failed. The read that waits for it rejects as well.
  }
}

const toText = ({ id, name, data, retry }: SseEvent) =>
  [
    id === undefined ? '' : `id: ${id}\n`,
    retry === undefined ? '' : `retry: ${retry}\n`,
    name === undefined ? '' : `event: ${name}\n`,
    `data: ${escapeJson(data)}\n\n`,
  ].join('')

/**
 * Some clients, among them Python's `splitlines`, end a line at these characters and lose the
 * event. In JSON they are only in texts, where an escape means the same.
 */
const LINE_ENDS = /[\u0085\u2028\u2029]/g

const escapeJson = (json: string) =>
  json.replace(LINE_ENDS, it => `\\u${it.charCodeAt(0).toString(16).padStart(4, '0')}`)

const LINE_END_BYTES = ['\u0085', '\u2028', '\u2029'].map(it => Buffer.from(it))

function escapeLineEnds(bytes: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!LINE_END_BYTES.some(it => buffer.includes(it))) return bytes
  return Buffer.from(escapeJson(buffer.toString()))
}

const HEAD_LENGTH = 200

const beginningOf = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, HEAD_LENGTH)).toString()

/** A guess from the first members. A wrong one costs or saves a pause, and nothing else. */
const isNotification = (text: string) => text.slice(0, HEAD_LENGTH).includes('"method":')
