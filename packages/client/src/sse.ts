import type { EventSourceMessage } from 'eventsource-parser'

import { discard, drain } from './body.ts'
import { ClientError } from './errors.ts'
import { createSend, type Send, unreachable } from './request.ts'
import type { SigningOptions } from './sigv4.ts'
import { readEvents } from './stream.ts'
import { sseUrl } from './target.ts'

export interface SigV4SseTransportOptions extends SigningOptions {
  /** Sent with every request, beside what the transport needs. */
  headers?: NonNullable<RequestInit['headers']>
  /** How long `start()` may take, credentials included. @default 30_000 */
  connectTimeoutMs?: number
  /** How long one `send()` may take, waiting for a rate limit included. @default 30_000 */
  sendTimeoutMs?: number
  /** A stream that brings no byte for this long is dead; the server sends one every 15 s. @default 45_000 */
  heartbeatTimeoutMs?: number
}

/** A JSON-RPC message, as loosely as the types of both SDKs agree on. */
export interface JsonRpcMessage {
  jsonrpc: '2.0'
  id?: string | number | undefined
  method?: string | undefined
  params?: unknown
  result?: unknown
  error?: unknown
}

/**
 * MCP's HTTP+SSE transport (2024-11-05), every request signed with AWS Signature Version 4. Plugs into
 * the `Client` of `@modelcontextprotocol/sdk` 1.x and of `@modelcontextprotocol/client` 2.x.
 *
 * One transport is one session. When its stream ends, every request without an answer gets a JSON-RPC
 * error (-32000, `data.reason: 'session-lost'`): whether it ran is unknown. Then `onclose` is called,
 * once, and the next connection needs a new transport. A message is never sent twice, except after a
 * refusal that says it did not run.
 */
export class SigV4SseTransport {
  onclose?: (() => void) | undefined
  /** Why the stream ended, or a message that could not be handled. */
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined

  readonly #url: URL
  readonly #options: SigV4SseTransportOptions
  readonly #request: Send
  readonly #heartbeatTimeoutMs: number
  readonly #connectTimeoutMs: number
  readonly #sendTimeoutMs: number

  /** Aborted, with the reason, when the transport ends; everything it has under way ends with it. */
  readonly #life = new AbortController()
  /** Requests without an answer. */
  readonly #inFlight = new Set<string | number>()
  readonly #session: { endpoint?: URL; lastEventId?: string } = {}
  #started = false
  #protocolVersion: string | undefined

  /**
   * @param url the gateway's, with or without `/sse`; plain http for loopback only
   * @throws ClientError `invalid_url`
   */
  constructor(url: string | URL, options: SigV4SseTransportOptions = {}) {
    this.#url = sseUrl(url)
    this.#options = options
    this.#request = createSend(options)
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 30_000
    this.#sendTimeoutMs = options.sendTimeoutMs ?? 30_000
    this.#heartbeatTimeoutMs = options.heartbeatTimeoutMs ?? 45_000
  }

  /**
   * Opens the stream; resolves when the server has named the endpoint for messages. `Client.connect()`
   * calls it. When it rejects nothing is left running.
   */
  async start(): Promise<void> {
    if (this.#started || this.#life.signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4SseTransport to connect again',
      )
    this.#started = true

    const timer = setTimeout(() => {
      const message = `${this.#name()} named no endpoint within ${this.#connectTimeoutMs} ms`
      this.#end(new ClientError('timeout', message, { retryable: true }))
    }, this.#connectTimeoutMs)
    try {
      await new Promise<void>((resolve, reject) => {
        const { signal } = this.#life
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        this.#listen(resolve).catch(error => this.#lose(error))
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Resolves when the server has taken the message; the answer to a request comes through `onmessage`.
   * Rejects with a `ClientError`. After `timeout`, `connection_failed` and `server_error` it is unknown
   * whether the server took it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    const { endpoint } = this.#session
    const { aborted, reason } = this.#life.signal
    if (aborted)
      throw new ClientError('connection_closed', `Not sent. ${reason.message}`, { cause: reason })
    if (!endpoint) throw new ClientError('connection_closed', 'Not sent. Call start() first')

    const request = message.method === undefined ? undefined : message.id
    if (request !== undefined) this.#inFlight.add(request)
    // The server does not answer what was cancelled, so nothing is lost with it.
    const cancelled = cancelledBy(message)
    if (cancelled !== undefined) this.#inFlight.delete(cancelled)
    try {
      await this.#post(
        endpoint,
        message,
        () => request === undefined || this.#inFlight.has(request),
      )
    } catch (error) {
      if (request !== undefined) this.#inFlight.delete(request)
      throw error
    }
  }

  /** Ends the session on this side. Calls `onclose` if that has not happened yet. */
  async close(): Promise<void> {
    this.#end(new ClientError('connection_closed', 'The transport was closed'))
  }

  /** From here on every request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  /** Reads the stream to its end, and always rejects with what ended it. */
  async #listen(onEndpoint: () => void): Promise<never> {
    const response = await this.#request('stream', this.#url, {
      headers: this.#headers({ accept: 'text/event-stream' }),
      signal: this.#life.signal,
    })
    const { status, headers, body } = response
    const type = headers.get('content-type') ?? 'no content type'
    if (status !== 200 || !body || !/^text\/event-stream/i.test(type)) {
      discard(response)
      const what = `${this.#name()} is no event stream: it answered ${status}, ${type}`
      throw new ClientError('invalid_response', what)
    }
    try {
      await readEvents(body, {
        heartbeatTimeoutMs: this.#heartbeatTimeoutMs,
        onEvent: event => this.#receive(event, onEndpoint),
      })
    } catch (error) {
      throw unreachable('The event stream broke off', error, 'stream')
    }
    throw new ClientError('connection_closed', 'The server ended the event stream')
  }

  #receive({ id, event = 'message', data }: EventSourceMessage, onEndpoint: () => void) {
    if (this.#life.signal.aborted) return
    if (event === 'message') this.#deliver(data)
    else if (event === 'endpoint') {
      this.#setEndpoint(data)
      onEndpoint()
    } else if (event === 'bye')
      throw new ClientError('connection_closed', `The server ended the session: ${data}`)
    // Only now: an id says that everything up to it has been dealt with.
    if (id !== undefined) this.#session.lastEventId = id
  }

  #setEndpoint(reference: string) {
    const endpoint = URL.canParse(reference, this.#url) ? new URL(reference, this.#url) : undefined
    if (endpoint?.origin !== this.#url.origin)
      throw new ClientError(
        'invalid_response',
        `The server named an endpoint that is not on ${this.#url.origin}: ${reference}`,
      )
    const { endpoint: previous } = this.#session
    if (previous && previous.href !== endpoint.href)
      throw new ClientError('connection_closed', 'The server started another session')
    this.#session.endpoint = endpoint
  }

  #deliver(text: string) {
    try {
      const message = JSON.parse(text) as JsonRpcMessage
      if (message.method === undefined && message.id !== undefined)
        this.#inFlight.delete(message.id)
      this.onmessage?.(message)
    } catch (error) {
      // Neither a message that is not JSON nor a handler that throws is a reason to lose the session.
      notify(() => this.onerror?.(error as Error))
    }
  }

  async #post(endpoint: URL, message: JsonRpcMessage, isWanted: () => boolean): Promise<void> {
    const request = new AbortController()
    const stop = () => request.abort(this.#life.signal.reason)
    this.#life.signal.addEventListener('abort', stop)
    const timer = setTimeout(() => {
      const waited = `${endpoint.origin} did not take the message within ${this.#sendTimeoutMs} ms`
      request.abort(new ClientError('timeout', waited))
    }, this.#sendTimeoutMs)
    timer.unref()
    const release = () => {
      clearTimeout(timer)
      // By hand: AbortSignal.any() on a signal that lives long leaks some bytes with every request.
      this.#life.signal.removeEventListener('abort', stop)
    }

    try {
      const init = {
        method: 'POST',
        headers: this.#headers({ 'content-type': 'application/json' }),
        body: JSON.stringify(message),
        signal: request.signal,
      }
      const taken = this.#request('message', endpoint, init, isWanted)
      const response = await unlessAborted(taken, request.signal)
      // The status is the answer. Its body is read for the sake of the connection, which can then be
      // used again, and not waited for: it may be held open for minutes.
      void drain(response).finally(release)
    } catch (error) {
      release()
      throw error
    }
  }

  /** For messages. The query stays out of them, it may hold a secret. */
  #name() {
    return `${this.#url.origin}${this.#url.pathname}`
  }

  #headers(needed: Record<string, string>): Headers {
    const headers = new Headers(this.#options.headers)
    for (const [name, value] of Object.entries(needed)) headers.set(name, value)
    if (this.#protocolVersion) headers.set('mcp-protocol-version', this.#protocolVersion)
    return headers
  }

  /** The stream is gone, and with it every answer that was to come. */
  #lose(reason: Error) {
    const lost = [...this.#inFlight]
    this.#end(reason, () => {
      if (!this.#session.endpoint) return // start() rejects with it
      notify(() => this.onerror?.(reason))
      for (const id of lost) notify(() => this.onmessage?.(sessionLost(id, reason)))
    })
  }

  #end(reason: Error, farewell: () => void = () => {}) {
    if (this.#life.signal.aborted) return
    this.#life.abort(reason)
    this.#inFlight.clear()
    farewell()
    notify(() => this.onclose?.())
  }
}

function cancelledBy({ method, params }: JsonRpcMessage): string | number | undefined {
  if (method !== 'notifications/cancelled') return undefined
  return (params as { requestId?: string | number } | undefined)?.requestId
}

const sessionLost = (id: string | number, reason: Error): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id,
  error: {
    code: -32000,
    message: `The session was lost before the answer came; whether the request ran is unknown. ${reason.message}`,
    data: { reason: 'session-lost', retrySafe: false },
  },
})

/** A handler that throws must not keep the others from being called; its error surfaces as uncaught. */
function notify(handler: () => void) {
  try {
    handler()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

/** `promise`, or the signal's reason where that comes first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    }),
  ])
}
