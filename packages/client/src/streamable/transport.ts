import { ClientError } from '../errors.ts'
import { drain } from '../http/bodies.ts'
import { isEventStream } from '../http/event-stream.ts'
import { turn } from '../http/timers.ts'
import {
  cancelledIdOf,
  type JsonRpcMessage,
  type RequestId,
  refersToRequest,
  requestIdOf,
} from '../jsonrpc.ts'
import { jsonRpcErrorIn, readJsonText } from '../request/json-response.ts'
import { mcpUrl } from '../signing/scope.ts'
import { untilAccepted } from '../transport/abort-scope.ts'
import { createLimitedRequests, type LimitedRequests } from '../transport/limited-requests.ts'
import type { TransportOptions } from '../transport/options.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { createGetStream, type GetStream } from './get-stream.ts'
import { protocolVersionOf, STATELESS_VERSION } from './mcp-headers.ts'
import { createResponseReader, type ReadResponseStream } from './response-stream.ts'
import { createStreamReader } from './resumable-stream.ts'
import {
  forgottenSessionError,
  type OutgoingMessage,
  type OutgoingRequest,
  type SendOptions,
} from './send-options.ts'
import { createMcpSession, type McpSession } from './session.ts'

/** How long `close()` waits for the server. */
const DELETE_MS = 2_000

/**
 * The Streamable HTTP transport of MCP, in every protocol version that has it. Every request is
 * signed with AWS Signature Version 4. It works with the `Client` of `@modelcontextprotocol/sdk`
 * 1.x and of `@modelcontextprotocol/client` 2.x.
 *
 * Every message is a POST of its own. Up to 2025-11-25, a stream that breaks before the response is
 * resumed, if the server gives its events ids. Where it cannot be resumed, the request gets a
 * JSON-RPC error at once: -32000 with `data.reason: 'outcome-unknown'` and `data.lost: 'stream'`.
 *
 * When the server has forgotten the MCP session, the transport begins another, restores the log
 * level and the subscriptions, and sends the refused message again. It reports everything as
 * changed that may have changed meanwhile. Where the server forgets the new session at once, or
 * negotiates another protocol version, every pending request gets an error (`data.lost:
 * 'session'`). Then `onclose` is called, once, and the next connection needs a new transport.
 *
 * A message is never sent twice, except after a refusal that says that it did not run.
 */
export class SigV4StreamableHttpTransport {
  onclose?: (() => void) | undefined
  /** Why the session or the stream of the server ended, or why a message could not be handled. */
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined

  /** From 2026-07-28 on, a request is cancelled by ending its stream. */
  readonly hasPerRequestStream = true

  readonly #limited: LimitedRequests<SendOptions>
  readonly #pending: PendingRequests
  readonly #endpoint: Endpoint
  readonly #session: McpSession
  readonly #getStream: GetStream
  readonly #readResponseStream: ReadResponseStream
  /** Requests being sent, and those whose stream is open. */
  readonly #outgoing = new Map<RequestId, OutgoingRequest>()
  #isStarted = false

  /**
   * @param url of the gateway, with or without `/mcp`; plain http for loopback only
   * @throws ClientError `invalid_url`
   */
  constructor(url: string | URL, options: TransportOptions = {}) {
    const address = mcpUrl(url)
    const limited = createLimitedRequests<SendOptions>({
      client: this,
      name: `${address.origin}${address.pathname}`,
      onPause: options.onPause,
      send: (message, sendOptions) => this.#sendMessage(message, sendOptions),
    })
    const { pending } = limited
    const endpoint = createEndpoint(address, options, pending)
    const { heartbeatTimeoutMs } = endpoint.limits
    const session = createMcpSession({
      name: endpoint.name,
      heartbeatTimeoutMs,
      sendScope: () => endpoint.sendScope(),
      post: (message, sessionId, scope) => endpoint.post({ message, scope }, sessionId),
      deliver: pending.deliver,
      report: pending.report,
      onRenewed: () => void this.#getStream.open(),
    })
    pending.observe(session)
    const readStream = createStreamReader({
      pending,
      heartbeatTimeoutMs,
      open: endpoint.openStream,
    })
    this.#limited = limited
    this.#pending = pending
    this.#endpoint = endpoint
    this.#session = session
    this.#getStream = createGetStream({ pending, session, readStream })
    this.#readResponseStream = createResponseReader({ pending, session, readStream })
  }

  /** The id of the MCP session; undefined before there is one, and where the server keeps none. */
  get sessionId(): string | undefined {
    return this.#session.id
  }

  /** Sends nothing: the first message opens the connection. `Client.connect()` calls it. */
  async start(): Promise<void> {
    if (this.#isStarted || this.#pending.signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4StreamableHttpTransport to connect again',
      )
    this.#isStarted = true
  }

  /**
   * Resolves when the server has accepted the message or begun its response. Responses come through
   * `onmessage`. Rejects with a `ClientError`. After `timeout`, `connection_failed` and
   * `server_error` it is unknown whether the server accepted the message.
   */
  async send(message: JsonRpcMessage, options: SendOptions = {}): Promise<void> {
    this.#pending.assertOpen()
    if (!this.#isStarted) throw new ClientError('connection_closed', 'Not sent. Call start() first')
    await this.#limited.send(message, options)
  }

  /**
   * Ends everything on this side, and the MCP session on the server where there is one. Calls
   * `onclose`, unless it was called before.
   */
  async close(): Promise<void> {
    const { sessionId } = this
    const isOpen = !this.#pending.signal.aborted
    this.#pending.close(new ClientError('connection_closed', 'The transport was closed'))
    if (!isOpen || sessionId === undefined || this.#session.isForgotten(sessionId)) return
    const signal = AbortSignal.timeout(DELETE_MS)
    // The session expires by itself.
    await this.#endpoint.deleteSession(sessionId, signal).then(drain, () => {})
  }

  /**
   * Ends the MCP session on the server. Does nothing where there is no session, and ignores that a
   * server does not support it (405) or has ended the session already (404).
   */
  async terminateSession(): Promise<void> {
    if (this.sessionId === undefined) return
    this.#pending.assertOpen()
    await this.#session.terminate()
    this.#getStream.close(new ClientError('connection_closed', 'The session was ended'))
    const scope = this.#endpoint.sendScope()
    try {
      await untilAccepted(this.#endpoint.deleteSession(this.sessionId, scope.signal), scope)
    } catch (error) {
      const isEnded = error instanceof ClientError && [404, 405].includes(error.status ?? 0)
      if (!isEnded) throw error
    }
    this.#session.begin()
  }

  /** Every later request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#endpoint.protocolVersion = version
  }

  async #sendMessage(message: JsonRpcMessage, options: SendOptions): Promise<void> {
    const request = this.#pending.track(message)
    const cancelledId = cancelledIdOf(message)
    const cancelled = cancelledId === undefined ? undefined : this.#outgoing.get(cancelledId)
    cancelled?.scope.abort(new ClientError('connection_closed', 'The request was cancelled'))
    // In another session the message would refer to another request, or to none.
    if (this.#session.isObsolete(message, cancelled?.sessionId)) {
      if (message.method === undefined) this.#pending.report(forgottenSessionError(message))
      return
    }

    const id = requestIdOf(message)
    try {
      await (id === undefined
        ? this.#sendOneWay(message, options)
        : this.#sendRequest(message, id, options))
      this.#getStream.reopen()
    } catch (error) {
      if (request?.isAnswered) return
      if (id !== undefined) this.#pending.forget(id)
      // Later, so that the sender gets the reason before onclose is called.
      if (error instanceof ClientError && this.#session.isLost(error))
        void turn().then(() => this.#pending.loseSession(error))
      throw error
    }
  }

  /** Sends a message that gets no response: a notification, or a response to the server. */
  async #sendOneWay(message: JsonRpcMessage, options: SendOptions): Promise<void> {
    const scope = this.#endpoint.sendScope(options.requestSignal)
    const outgoing: OutgoingMessage = { message, options, scope }
    try {
      await untilAccepted(this.#post(outgoing), scope)
    } catch (error) {
      const isObsolete = refersToRequest(message) && this.#session.isForgotten(outgoing.sessionId)
      if (!isObsolete) throw error
      this.#pending.report(forgottenSessionError(message, error))
    }
    if (message.method !== 'notifications/initialized') return
    this.#session.markInitialized()
    void this.#getStream.open()
  }

  async #sendRequest(message: JsonRpcMessage, id: RequestId, options: SendOptions): Promise<void> {
    const scope = this.#pending.scope(options.requestSignal)
    const version = protocolVersionOf(message) ?? this.#endpoint.protocolVersion ?? ''
    const isStateless = version >= STATELESS_VERSION
    const request: OutgoingRequest = { message, id, scope, options, isStateless }
    this.#outgoing.set(id, request)
    const finish = () => {
      scope.release()
      if (this.#outgoing.get(id) === request) this.#outgoing.delete(id)
    }
    try {
      if (options.resumptionToken !== undefined && !isStateless) {
        request.sessionId = this.sessionId
        return void this.#readResponseStream(request).finally(finish)
      }
      const response = await this.#post(request)
      if (message.method === 'initialize') {
        request.sessionId = response.headers.get('mcp-session-id') ?? undefined
        this.#session.begin(request.sessionId)
      }
      if (response.body && isEventStream(response))
        return void this.#readResponseStream(request, response.body).finally(finish)
      await this.#deliverJson(response, request)
      finish()
    } catch (error) {
      finish()
      // From 2026-07-28 on, a JSON-RPC error comes with an HTTP status of its own.
      const jsonRpcError = jsonRpcErrorIn(error, id)
      if (jsonRpcError === undefined) throw error
      this.#pending.deliver(jsonRpcError)
    }
  }

  async #deliverJson(response: Response, { id, sessionId }: OutgoingRequest): Promise<void> {
    const { name } = this.#endpoint
    this.#pending.deliver(await readJsonText(response, name), { sessionId })
    if (this.#pending.isPending(id))
      throw new ClientError('invalid_response', `${name} sent JSON without the response`)
  }

  /**
   * A message that a forgotten session refused has not run, so it is sent again in the next one.
   */
  async #post(outgoing: OutgoingMessage): Promise<Response> {
    const { message, scope } = outgoing
    // A new session begins without the id of the old one.
    if (message.method === 'initialize') this.#session.begin()
    outgoing.sessionId = await this.#session.current(scope)
    try {
      return await this.#endpoint.post(outgoing, outgoing.sessionId)
    } catch (error) {
      const isForgotten = this.#session.markForgotten(error, outgoing.sessionId)
      if (!isForgotten || refersToRequest(message)) throw error
    }
    outgoing.sessionId = await this.#session.current(scope)
    return this.#endpoint.post(outgoing, outgoing.sessionId)
  }
}
