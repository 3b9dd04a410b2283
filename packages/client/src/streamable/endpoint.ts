import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { isEventStream } from '../http/event-stream.ts'
import { textToSend } from '../message-text.ts'
import { createSend } from '../request/send.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import { headersWith, type Limits, limitsOf, type TransportOptions } from '../transport/options.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import { messageHeaders } from './mcp-headers.ts'
import type { Body, ResumableStream } from './resumable-stream.ts'
import type { OutgoingMessage } from './send-options.ts'

/** The HTTP requests of Streamable HTTP to one URL. */
export interface Endpoint {
  /** The URL without its query, which may hold a secret; for messages. */
  readonly name: string
  readonly limits: Limits
  /** Sent with every request, once it is negotiated. */
  protocolVersion: string | undefined
  /** A scope that is aborted when the server takes too long to accept a message. */
  sendScope(parent?: AbortSignal): AbortScope
  post(outgoing: OutgoingMessage, sessionId: string | undefined): Promise<Response>
  /** Opens a stream, or resumes it after its `lastEventId`. */
  openStream(stream: ResumableStream, scope: AbortScope): Promise<Body>
  deleteSession(sessionId: string | undefined, signal: AbortSignal): Promise<Response>
}

export function createEndpoint(
  url: URL,
  options: TransportOptions,
  pending: PendingRequests,
): Endpoint {
  const send = createSend(options)
  const limits = limitsOf(options)
  const name = `${url.origin}${url.pathname}`

  const endpoint: Endpoint = {
    name,
    limits,
    protocolVersion: undefined,
    sendScope(parent) {
      const scope = pending.scope(parent)
      const { sendTimeoutMs } = limits
      const message = `${url.origin} did not accept the message within ${sendTimeoutMs} ms`
      scope.limit(sendTimeoutMs, message)
      return scope
    },
    post({ message, scope, options: { headers: added } = {} }, sessionId) {
      const headers = headersOf(sessionId, {
        ...messageHeaders(message, added),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      })
      // This request negotiates the version.
      if (message.method === 'initialize') headers.delete('mcp-protocol-version')
      const init = { method: 'POST', headers, body: textToSend(message), signal: scope.signal }
      return send(sessionId === undefined ? 'sessionless' : 'message', url, init)
    },
    async openStream({ sessionId, lastEventId }, scope) {
      const { connectTimeoutMs } = limits
      const opened = scope.limit(
        connectTimeoutMs,
        `${name} opened no stream within ${connectTimeoutMs} ms`,
      )
      const headers = headersOf(sessionId, {
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      })
      const kind = sessionId === undefined ? 'stream' : 'resumption'
      const response = await send(kind, url, { headers, signal: scope.signal })
      opened()
      if (response.body && isEventStream(response)) return response.body
      discard(response)
      const type = response.headers.get('content-type') ?? 'no content type'
      const message = `${name} is no event stream: it answered ${response.status}, ${type}`
      throw new ClientError('invalid_response', message)
    },
    deleteSession: (sessionId, signal) =>
      send('message', url, { method: 'DELETE', headers: headersOf(sessionId), signal }),
  }
  return endpoint

  function headersOf(sessionId: string | undefined, needed: Record<string, string> = {}): Headers {
    return headersWith(options, {
      'mcp-protocol-version': endpoint.protocolVersion || undefined,
      'mcp-session-id': sessionId || undefined,
      ...needed,
    })
  }
}
