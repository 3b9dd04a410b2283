import type { EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { isRecord, parseJson } from '../is-record.ts'
import { type Send, toConnectionError } from '../request/send.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { Limits } from '../transport/options.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'

export interface SseStreamOptions {
  url: URL
  send: Send
  limits: Limits
  pending: PendingRequests
  headers(needed: Record<string, string>): Headers
  /** The server has named the session of this connection. */
  onEndpoint(endpoint: URL, canResume: boolean): void
  onMessage(text: string): void
}

/** Why a connection ended. */
export interface Ending {
  reason: ClientError
  /** It carried a message, or it lasted. */
  wasUseful: boolean
  /** The server has named its session. */
  wasOpen: boolean
  /** The server has said that it ends the stream, and that the session goes on. */
  isPlanned: boolean
  /** What came on the stream makes no sense, so another connection is useless. */
  isFinal: boolean
}

/** The event stream of `GET /sse`, over one connection after the other. */
export interface SseStream {
  /** The delay that the server asks for before the next connection, in milliseconds. */
  readonly retryMs: number | undefined
  /** Opens a connection after the last event, and reads it to its end. Never rejects. */
  read(): Promise<Ending>
  /** Ends the connection. The next one asks the server whether it still knows the session. */
  interrupt(reason: ClientError): void
}

/** A connection that lasted for so long shows that the server works. */
const STABLE_MS = 5_000
const HEADER_TEXT = /^[\x20-\x7e]*$/

export function createSseStream(options: SseStreamOptions): SseStream {
  const { url, send, limits, pending, headers, onEndpoint, onMessage } = options
  const name = `${url.origin}${url.pathname}`
  let lastEventId: string | undefined
  let retryMs: number | undefined
  let current: AbortScope | undefined

  return {
    get retryMs() {
      return retryMs
    },
    async read() {
      const scope = pending.scope()
      current = scope
      let openedAt = Number.POSITIVE_INFINITY
      let hasMessage = false
      let wasOpen = false
      let isPlanned = false
      let stopWaiting = () => {}
      try {
        const { connectTimeoutMs } = limits
        const message = `${name} named no endpoint within ${connectTimeoutMs} ms`
        stopWaiting = scope.limit(connectTimeoutMs, message)
        const response = await open(scope)
        openedAt = Date.now()
        const canResume = response.headers.get('mcp-resume') === '1'
        await readEvents(response.body as ReadableStream<Uint8Array>, {
          heartbeatTimeoutMs: limits.heartbeatTimeoutMs,
          onRetry: ms => {
            retryMs = ms
          },
          onEvent: event => {
            if (scope.signal.aborted) return
            const { event: kind = 'message', data, id } = event
            if (kind === 'endpoint') {
              stopWaiting()
              wasOpen = true
              onEndpoint(endpointOf(data), canResume)
            } else if (kind === 'message') {
              hasMessage = true
              onMessage(data)
            } else if (kind === 'bye') {
              isPlanned = reasonOf(event) !== 'superseded'
              throw new ClientError('connection_closed', `The server ended the stream: ${data}`)
            }
            // After the delivery: the id acknowledges every event up to this one.
            if (id && canResume && HEADER_TEXT.test(id)) lastEventId = id
          },
        })
        throw new ClientError('connection_closed', 'The server ended the event stream')
      } catch (error) {
        const reason = scope.signal.aborted
          ? (scope.signal.reason as ClientError)
          : toConnectionError('The event stream broke off', error, 'stream')
        const wasUseful = hasMessage || Date.now() - openedAt >= STABLE_MS
        const isFinal = Number.isFinite(openedAt) && reason.code === 'invalid_response'
        return { reason, wasUseful, wasOpen, isPlanned, isFinal }
      } finally {
        stopWaiting()
        scope.abort(new ClientError('connection_closed', 'The event stream has ended'))
        scope.release()
      }
    },
    interrupt: reason => current?.abort(reason),
  }

  async function open({ signal }: AbortScope): Promise<Response> {
    const needed = {
      accept: 'text/event-stream',
      'mcp-resume': '1',
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    }
    const response = await send('stream', url, { headers: headers(needed), signal })
    if (response.status === 200 && response.body && isEventStream(response)) return response
    discard(response)
    const type = response.headers.get('content-type') ?? 'no content type'
    const message = `${name} is no event stream: it answered ${response.status}, ${type}`
    throw new ClientError('invalid_response', message)
  }

  function endpointOf(reference: string): URL {
    const endpoint = URL.canParse(reference, url) ? new URL(reference, url) : undefined
    if (endpoint?.origin === url.origin) return endpoint
    // Without the query, which may hold a secret, and no longer than a person reads.
    const named = endpoint ? `${endpoint.origin}${endpoint.pathname}` : 'an invalid URL'
    const message = `The server named an endpoint that is not on ${url.origin}: ${named.slice(0, 500)}`
    throw new ClientError('invalid_response', message)
  }
}

function reasonOf({ data }: EventSourceMessage): unknown {
  const bye = parseJson(data)
  return isRecord(bye) ? bye['reason'] : undefined
}
