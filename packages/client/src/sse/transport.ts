import type { EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { type JsonRpcMessage, requestIdOf } from '../jsonrpc.ts'
import { textToSend } from '../message-text.ts'
import { createSend, type Send, toConnectionError } from '../request/send.ts'
import { sseUrl } from '../signing/scope.ts'
import { untilAccepted } from '../transport/abort-scope.ts'
import { type Limits, limitsOf, type TransportOptions } from '../transport/options.ts'
import { createPendingRequests, type PendingRequests } from '../transport/pending-requests.ts'

/**
 * The HTTP+SSE transport of MCP (2024-11-05). Every request is signed with AWS Signature Version 4.
 * It works with the `Client` of `@modelcontextprotocol/sdk` 1.x and of
 * `@modelcontextprotocol/client` 2.x.
 *
 * One transport is one session. When its stream ends, every pending request gets a JSON-RPC error:
 * -32000 with `data.reason: 'outcome-unknown'` and `data.lost: 'session'`. Then `onclose` is
 * called, once, and the next connection needs a new transport. A message is never sent twice,
 * except after a refusal that says that it did not run.
 */
export class SigV4SseTransport {
  onclose?: (() => void) | undefined
  /** Why the stream ended, or why a message could not be handled. */
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined

  readonly #url: URL
  readonly #options: TransportOptions
  readonly #limits: Limits
  readonly #send: Send
  readonly #pending: PendingRequests = createPendingRequests(this)
  #isStarted = false
  /** Where messages go. The server names it on the stream. */
  #endpoint: URL | undefined
  #protocolVersion: string | undefined

  /**
   * @param url of the gateway, with or without `/sse`; plain http for loopback only
   * @throws ClientError `invalid_url`
   */
  constructor(url: string | URL, options: TransportOptions = {}) {
    this.#url = sseUrl(url)
    this.#options = options
    this.#limits = limitsOf(options)
    this.#send = createSend(options)
  }

  /**
   * Opens the stream. Resolves when the server has named the endpoint for messages.
   * `Client.connect()` calls it. After a rejection nothing is left running.
   */
  async start(): Promise<void> {
    const { signal } = this.#pending
    if (this.#isStarted || signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4SseTransport to connect again',
      )
    this.#isStarted = true

    const { connectTimeoutMs } = this.#limits
    const timer = setTimeout(() => {
      const message = `${this.#name()} named no endpoint within ${connectTimeoutMs} ms`
      this.#pending.close(new ClientError('timeout', message, { retryable: true }))
    }, connectTimeoutMs)
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        this.#readStream(resolve).catch(error => this.#lose(error))
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Resolves when the server has accepted the message. The response to a request comes through
   * `onmessage`. Rejects with a `ClientError`. After `timeout`, `connection_failed` and
   * `server_error` it is unknown whether the server accepted the message.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    this.#pending.assertOpen()
    const endpoint = this.#endpoint
    if (!endpoint) throw new ClientError('connection_closed', 'Not sent. Call start() first')

    const id = requestIdOf(message)
    const request = this.#pending.track(message)
    try {
      await this.#post(endpoint, message, () => id === undefined || this.#pending.isPending(id))
    } catch (error) {
      if (request?.isAnswered) return
      if (id !== undefined) this.#pending.forget(id)
      throw error
    }
  }

  /** Ends the session on this side. Calls `onclose`, unless it was called before. */
  async close(): Promise<void> {
    this.#pending.close(new ClientError('connection_closed', 'The transport was closed'))
  }

  /** Every later request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  /** Reads the stream to its end, and always rejects with the reason of the end. */
  async #readStream(onEndpoint: () => void): Promise<never> {
    const response = await this.#send('stream', this.#url, {
      headers: this.#headers({ accept: 'text/event-stream' }),
      signal: this.#pending.signal,
    })
    const { status, headers, body } = response
    if (status !== 200 || !body || !isEventStream(response)) {
      discard(response)
      const type = headers.get('content-type') ?? 'no content type'
      const message = `${this.#name()} is no event stream: it answered ${status}, ${type}`
      throw new ClientError('invalid_response', message)
    }
    try {
      await readEvents(body, {
        heartbeatTimeoutMs: this.#limits.heartbeatTimeoutMs,
        onEvent: event => this.#receive(event, onEndpoint),
      })
    } catch (error) {
      throw toConnectionError('The event stream broke off', error, 'stream')
    }
    throw new ClientError('connection_closed', 'The server ended the event stream')
  }

  #receive({ event = 'message', data }: EventSourceMessage, onEndpoint: () => void) {
    if (this.#pending.signal.aborted) return
    if (event === 'message') this.#pending.deliver(data)
    else if (event === 'endpoint') {
      this.#setEndpoint(data)
      onEndpoint()
    } else if (event === 'bye')
      throw new ClientError('connection_closed', `The server ended the session: ${data}`)
  }

  #setEndpoint(reference: string) {
    const endpoint = URL.canParse(reference, this.#url) ? new URL(reference, this.#url) : undefined
    if (endpoint?.origin !== this.#url.origin)
      throw new ClientError(
        'invalid_response',
        `The server named an endpoint that is not on ${this.#url.origin}: ${reference}`,
      )
    if (this.#endpoint && this.#endpoint.href !== endpoint.href)
      throw new ClientError('connection_closed', 'The server started another session')
    this.#endpoint = endpoint
  }

  async #post(endpoint: URL, message: JsonRpcMessage, isWanted: () => boolean): Promise<void> {
    const scope = this.#pending.scope()
    const { sendTimeoutMs } = this.#limits
    scope.limit(
      sendTimeoutMs,
      `${endpoint.origin} did not accept the message within ${sendTimeoutMs} ms`,
    )
    const init = {
      method: 'POST',
      headers: this.#headers({ 'content-type': 'application/json' }),
      body: textToSend(message),
      signal: scope.signal,
    }
    await untilAccepted(this.#send('message', endpoint, init, isWanted), scope)
  }

  /** The URL without its query, which may hold a secret; for messages. */
  #name() {
    return `${this.#url.origin}${this.#url.pathname}`
  }

  #headers(needed: Record<string, string>): Headers {
    const headers = new Headers(this.#options.headers)
    for (const [name, value] of Object.entries(needed)) headers.set(name, value)
    if (this.#protocolVersion) headers.set('mcp-protocol-version', this.#protocolVersion)
    return headers
  }

  /** The stream is lost, and with it the responses to all pending requests. */
  #lose(reason: Error) {
    // Without an endpoint the session has not begun: start() rejects with the reason.
    if (this.#endpoint) this.#pending.loseSession(reason)
    else this.#pending.close(reason)
  }
}
