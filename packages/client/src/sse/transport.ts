import type { EventSourceMessage } from 'eventsource-parser'
import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { isEventStream, readEvents } from '../http/event-stream.ts'
import { createSend, type Send, toConnectionError } from '../request/send.ts'
import { sseUrl } from '../signing/scope.ts'
import { untilTaken } from '../transport/abort-scope.ts'
import { type Limits, limitsOf, type TransportOptions } from '../transport/options.ts'
import {
  createSession,
  type JsonRpcMessage,
  requestOf,
  type Session,
} from '../transport/pending-requests.ts'

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
  readonly #options: TransportOptions
  readonly #limits: Limits
  readonly #request: Send
  readonly #session: Session = createSession(this)
  readonly #stream: { endpoint?: URL; lastEventId?: string } = {}
  #started = false
  #protocolVersion: string | undefined

  /**
   * @param url the gateway's, with or without `/sse`; plain http for loopback only
   * @throws ClientError `invalid_url`
   */
  constructor(url: string | URL, options: TransportOptions = {}) {
    this.#url = sseUrl(url)
    this.#options = options
    this.#limits = limitsOf(options)
    this.#request = createSend(options)
  }

  /**
   * Opens the stream; resolves when the server has named the endpoint for messages. `Client.connect()`
   * calls it. When it rejects nothing is left running.
   */
  async start(): Promise<void> {
    const { signal } = this.#session
    if (this.#started || signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4SseTransport to connect again',
      )
    this.#started = true

    const { connectTimeoutMs } = this.#limits
    const timer = setTimeout(() => {
      const message = `${this.#name()} named no endpoint within ${connectTimeoutMs} ms`
      this.#session.end(new ClientError('timeout', message, { retryable: true }))
    }, connectTimeoutMs)
    try {
      await new Promise<void>((resolve, reject) => {
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
    this.#session.assertOpen()
    const { endpoint } = this.#stream
    if (!endpoint) throw new ClientError('connection_closed', 'Not sent. Call start() first')

    const id = requestOf(message)
    this.#session.note(message)
    try {
      await this.#post(endpoint, message, () => id === undefined || this.#session.awaits(id))
    } catch (error) {
      if (id !== undefined) this.#session.forget(id)
      throw error
    }
  }

  /** Ends the session on this side. Calls `onclose` if that has not happened yet. */
  async close(): Promise<void> {
    this.#session.end(new ClientError('connection_closed', 'The transport was closed'))
  }

  /** From here on every request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  /** Reads the stream to its end, and always rejects with what ended it. */
  async #listen(onEndpoint: () => void): Promise<never> {
    const response = await this.#request('stream', this.#url, {
      headers: this.#headers({ accept: 'text/event-stream' }),
      signal: this.#session.signal,
    })
    const { status, headers, body } = response
    if (status !== 200 || !body || !isEventStream(response)) {
      discard(response)
      const type = headers.get('content-type') ?? 'no content type'
      const what = `${this.#name()} is no event stream: it answered ${status}, ${type}`
      throw new ClientError('invalid_response', what)
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

  #receive({ id, event = 'message', data }: EventSourceMessage, onEndpoint: () => void) {
    if (this.#session.signal.aborted) return
    if (event === 'message') this.#session.deliver(data)
    else if (event === 'endpoint') {
      this.#setEndpoint(data)
      onEndpoint()
    } else if (event === 'bye')
      throw new ClientError('connection_closed', `The server ended the session: ${data}`)
    // Only now: an id says that everything up to it has been dealt with.
    if (id !== undefined) this.#stream.lastEventId = id
  }

  #setEndpoint(reference: string) {
    const endpoint = URL.canParse(reference, this.#url) ? new URL(reference, this.#url) : undefined
    if (endpoint?.origin !== this.#url.origin)
      throw new ClientError(
        'invalid_response',
        `The server named an endpoint that is not on ${this.#url.origin}: ${reference}`,
      )
    const { endpoint: previous } = this.#stream
    if (previous && previous.href !== endpoint.href)
      throw new ClientError('connection_closed', 'The server started another session')
    this.#stream.endpoint = endpoint
  }

  async #post(endpoint: URL, message: JsonRpcMessage, isWanted: () => boolean): Promise<void> {
    const task = this.#session.task()
    const { sendTimeoutMs } = this.#limits
    task.limit(
      sendTimeoutMs,
      `${endpoint.origin} did not take the message within ${sendTimeoutMs} ms`,
    )
    const init = {
      method: 'POST',
      headers: this.#headers({ 'content-type': 'application/json' }),
      body: JSON.stringify(message),
      signal: task.signal,
    }
    await untilTaken(this.#request('message', endpoint, init, isWanted), task)
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
    // Without an endpoint the session has not begun: start() rejects with the reason.
    if (this.#stream.endpoint) this.#session.fail(reason)
    else this.#session.end(reason)
  }
}
