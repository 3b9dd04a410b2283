import { ClientError } from '../errors.ts'
import { drain } from '../http/bodies.ts'
import { cancelledIdOf, type JsonRpcMessage, requestIdOf } from '../jsonrpc.ts'
import { textToSend } from '../message-text.ts'
import { createSend, type Send } from '../request/send.ts'
import { sseUrl } from '../signing/scope.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import { createLimitedRequests, type LimitedRequests } from '../transport/limited-requests.ts'
import { headersWith, type Limits, limitsOf, type TransportOptions } from '../transport/options.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import { postMessage } from './post.ts'
import { createPostNumbers } from './post-numbers.ts'
import { createSseSession, type SseSession } from './session.ts'
import { createTurns } from './turns.ts'

/**
 * The HTTP+SSE transport of MCP (2024-11-05). Every request is signed with AWS Signature Version 4.
 * It works with the `Client` of `@modelcontextprotocol/sdk` 1.x and of
 * `@modelcontextprotocol/client` 2.x.
 *
 * One transport is one session for the life of the client. When the stream ends, because the server
 * rotates it, the network fails or the machine sleeps, the transport opens it again and goes on
 * where it was. The gateway keeps what was sent meanwhile, and runs a message once that is posted
 * again: docs/resume-protocol.md. `onerror` is not called for that.
 *
 * Where the session is lost, because it has expired or the server cannot resume it, every request
 * that the server may have accepted gets a JSON-RPC error: -32000 with `data.reason:
 * 'outcome-unknown'` and `data.lost: 'session'`. Then the transport begins another session, and
 * restores the log level and the subscriptions in it. It reports everything as changed that may
 * have changed meanwhile.
 *
 * Refused credentials, and a server that opens no stream any more, end the transport: `onerror`, an
 * error for every pending request, and `onclose`, once.
 */
export class SigV4SseTransport {
  onclose?: (() => void) | undefined
  /** Why the transport ended, or why a message could not be handled. */
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined

  readonly #url: URL
  readonly #options: TransportOptions
  readonly #limits: Limits
  readonly #send: Send
  readonly #limited: LimitedRequests<object>
  readonly #pending: PendingRequests
  readonly #session: SseSession
  readonly #turns = createTurns(MAX_POSTS)
  readonly #numbers = createPostNumbers()
  #isStarted = false
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
    this.#limited = createLimitedRequests({
      client: this,
      name: `${this.#url.origin}${this.#url.pathname}`,
      onPause: options.onPause,
      send: message => this.#sendMessage(message),
    })
    this.#pending = this.#limited.pending
    this.#session = createSseSession({
      url: this.#url,
      send: this.#send,
      limits: this.#limits,
      pending: this.#pending,
      headers: needed => this.#headers(needed),
      post: (message, scope) => this.#post(message, scope, Number.POSITIVE_INFINITY, false),
    })
  }

  /**
   * Opens the stream. Resolves when the server has named the endpoint for messages.
   * `Client.connect()` calls it. After a rejection nothing is left running.
   */
  async start(): Promise<void> {
    if (this.#isStarted || this.#pending.signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4SseTransport to connect again',
      )
    this.#isStarted = true
    try {
      await this.#session.open()
    } catch (error) {
      this.#pending.close(error as Error)
      throw error
    }
  }

  /**
   * Resolves when the server has accepted the message, or has responded to it. The response to a
   * request comes through `onmessage`. Rejects with a `ClientError`. After `timeout`,
   * `connection_failed` and `server_error` it is unknown whether the server accepted the message.
   *
   * 16 requests are posted at once. Others wait for that, and `sendTimeoutMs` begins after it.
   */
  async send(message: JsonRpcMessage): Promise<void> {
    this.#pending.assertOpen()
    if (!this.#session.target)
      throw new ClientError('connection_closed', 'Not sent. Call start() first')
    await this.#limited.send(message, {})
  }

  /**
   * Ends the session, on the server too where it keeps sessions. Calls `onclose`, unless it was
   * called before.
   */
  async close(): Promise<void> {
    const isOpen = !this.#pending.signal.aborted
    this.#pending.close(new ClientError('connection_closed', 'The transport was closed'))
    const { target } = this.#session
    if (!isOpen || !target?.canRepeat) return
    const signal = AbortSignal.timeout(DELETE_MS)
    const init = { method: 'DELETE', headers: this.#headers({}), signal }
    // The session expires by itself.
    const isWanted = () => false
    await this.#send('message', target.endpoint, init, { isWanted }).then(drain, () => {})
  }

  /** Every later request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  async #sendMessage(message: JsonRpcMessage): Promise<void> {
    const id = requestIdOf(message)
    const request = this.#pending.track(message)
    const cancelled = cancelledIdOf(message)
    if (cancelled !== undefined) this.#session.markRefused(cancelled)
    const scope = this.#pending.scope()
    const isWanted = () => id === undefined || this.#pending.isPending(id)
    const post = () => {
      const posted = this.#postInTime(message, scope, isWanted)
      posted.finally(scope.release).catch(() => {})
      // The response may come before the server has said that it accepts the request.
      return request ? Promise.race([posted, request.answered]) : posted
    }
    try {
      await (id === undefined ? post() : this.#turns.run(post, scope.signal))
      if (message.method === 'notifications/initialized') this.#session.markInitialized()
    } catch (error) {
      scope.release()
      if (request?.isAnswered) return
      if (id !== undefined) this.#pending.forget(id)
      throw error
    }
  }

  /** `isWanted`: false for a request that was cancelled while it waited for its turn. */
  async #postInTime(message: JsonRpcMessage, scope: AbortScope, isWanted: () => boolean) {
    if (!isWanted()) return
    const { sendTimeoutMs } = this.#limits
    const late = `${this.#url.origin} did not accept the message within ${sendTimeoutMs} ms`
    scope.limit(sendTimeoutMs, late)
    await this.#post(message, scope, Date.now() + sendTimeoutMs, true)
  }

  /** `waits`: until the session is ready for messages of the client. */
  async #post(
    message: JsonRpcMessage,
    scope: AbortScope,
    endsAt: number,
    waits: boolean,
  ): Promise<void> {
    const id = requestIdOf(message)
    const number = id === undefined ? undefined : this.#numbers.next()
    const posted = postMessage({
      message,
      scope,
      endsAt,
      waits,
      session: this.#session,
      isWanted: () => id === undefined || !waits || this.#pending.isPending(id),
      attempt: (endpoint, signal, repetition) => {
        const headers = this.#headers({
          'content-type': 'application/json',
          'mcp-resume': this.#session.target?.canRepeat ? number?.header() : undefined,
        })
        const init = { method: 'POST', headers, body: textToSend(message), signal }
        return this.#send('message', endpoint, init, repetition)
      },
    })
    await posted.finally(() => number?.settle())
  }

  #headers(needed: Record<string, string | undefined>): Headers {
    return headersWith(this.#options, {
      ...needed,
      'mcp-protocol-version': this.#protocolVersion || undefined,
    })
  }
}

/**
 * Requests that are posted at once. Each is an environment of the gateway, and they all write to
 * the item of the session.
 */
const MAX_POSTS = 16
/** How long `close()` waits for the server. */
const DELETE_MS = 2_000
