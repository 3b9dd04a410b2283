import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { isEventStream } from '../http/event-stream.ts'
import { jsonRpcErrorIn, readJsonText } from '../request/json-response.ts'
import { createSend, type Send } from '../request/send.ts'
import { mcpUrl } from '../signing/scope.ts'
import { type Task, untilTaken } from '../transport/abort-scope.ts'
import { type Limits, limitsOf, type TransportOptions } from '../transport/options.ts'
import {
  cancelledBy,
  createSession,
  isAboutRequest,
  type JsonRpcMessage,
  notify,
  type RequestId,
  requestOf,
  type Session,
} from '../transport/pending-requests.ts'
import { messageHeaders, revisionOf, STATELESS_REVISION } from './mcp-headers.ts'
import { type Body, createReader, type EventStream, type ReadStream } from './resumable-stream.ts'
import { type Call, obsolete, type Sending, type SendOptions } from './send-options.ts'
import { type Continuity, createContinuity } from './session.ts'

/**
 * MCP's Streamable HTTP transport, every revision of it, every request signed with AWS Signature
 * Version 4. Plugs into the `Client` of `@modelcontextprotocol/sdk` 1.x and of
 * `@modelcontextprotocol/client` 2.x.
 *
 * Every request is a POST of its own. Up to 2025-11-25 a stream that breaks before the answer is taken
 * up again where the server gave its events ids. Where it cannot be, the request gets a JSON-RPC error
 * (-32000, `data.reason: 'stream-lost'`) at once: whether it ran is unknown.
 *
 * When the server has forgotten the session, another one is begun in its place, with the log level and the
 * subscriptions that it had, and the message that was refused is sent in it. What the client may have
 * missed meanwhile is said to have changed. If that is no use, since the server forgets the new one at once
 * or speaks another revision in it, every request without an answer gets an error (`'session-lost'`), then
 * `onclose` is called, once, and the next connection needs a new transport.
 *
 * A message is never sent twice, except after a refusal that says it did not run.
 */
export class SigV4StreamableHttpTransport {
  onclose?: (() => void) | undefined
  /** Why the session ended or the server's own messages no longer come, or a message that could not be handled. */
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined

  /** From 2026-07-28 on a request is cancelled by ending its stream. */
  readonly hasPerRequestStream = true

  readonly #url: URL
  readonly #options: TransportOptions
  readonly #limits: Limits
  readonly #request: Send
  readonly #session: Session
  readonly #continuity: Continuity
  readonly #read: ReadStream
  /** Requests under way, their streams included. */
  readonly #calls = new Map<RequestId, Sending>()
  /** The stream of the server's own messages. */
  #listening: Task | undefined
  #started = false
  #protocolVersion: string | undefined

  /**
   * @param url the gateway's, with or without `/mcp`; plain http for loopback only
   * @throws ClientError `invalid_url`
   */
  constructor(url: string | URL, options: TransportOptions = {}) {
    this.#url = mcpUrl(url)
    this.#options = options
    this.#limits = limitsOf(options)
    this.#request = createSend(options)
    this.#session = createSession(this, {
      onServerMessage: (...received) => this.#continuity.onServerMessage(...received),
      onAnswer: (...received) => this.#continuity.onAnswer(...received),
    })
    this.#continuity = createContinuity({
      session: this.#session,
      name: this.#name(),
      heartbeatTimeoutMs: this.#limits.heartbeatTimeoutMs,
      task: () => this.#taskToSend(),
      post: (message, sessionId, task) => this.#postIn(sessionId, { message, task }),
      onRenewed: () => void this.#listen(),
    })
    this.#read = createReader({
      session: this.#session,
      heartbeatTimeoutMs: this.#limits.heartbeatTimeoutMs,
      open: (stream, task) => this.#open(stream, task),
    })
  }

  /** What the server calls the session; undefined before, and where it keeps none. */
  get sessionId(): string | undefined {
    return this.#continuity.sessionId
  }

  /** Sends nothing yet: the first message opens the connection. `Client.connect()` calls it. */
  async start(): Promise<void> {
    if (this.#started || this.#session.signal.aborted)
      throw new TypeError(
        'A transport starts once (Client.connect() does it): make a new SigV4StreamableHttpTransport to connect again',
      )
    this.#started = true
  }

  /**
   * Resolves when the server has taken the message or begun to answer it; answers come through
   * `onmessage`. Rejects with a `ClientError`. After `timeout`, `connection_failed` and `server_error` it
   * is unknown whether the server took it.
   */
  async send(message: JsonRpcMessage, options: SendOptions = {}): Promise<void> {
    this.#session.assertOpen()
    if (!this.#started) throw new ClientError('connection_closed', 'Not sent. Call start() first')

    this.#session.note(message)
    const cancelled = cancelledBy(message)
    const call = cancelled === undefined ? undefined : this.#calls.get(cancelled)
    call?.task.abort(new ClientError('connection_closed', 'The request was cancelled'))
    // In another session it would be about another request, or none.
    if (this.#continuity.isObsolete(message, call?.sessionId)) {
      const isAnswer = message.method === undefined
      return isAnswer ? this.#session.report(obsolete(message)) : undefined
    }

    const id = requestOf(message)
    try {
      await (id === undefined ? this.#tell(message, options) : this.#ask(message, id, options))
    } catch (error) {
      if (id !== undefined) this.#session.forget(id)
      // Later, so that the sender learns the reason before onclose tells it that there is no connection.
      if (error instanceof ClientError && this.#isSessionLost(error))
        setImmediate(() => this.#session.fail(error))
      throw error
    }
  }

  /** Ends everything on this side; the session on the server stays until it expires. */
  async close(): Promise<void> {
    this.#session.end(new ClientError('connection_closed', 'The transport was closed'))
  }

  /**
   * Tells the server that the session is no longer needed. Does nothing where there is none; a server
   * that ends sessions in its own time is no error.
   */
  async terminateSession(): Promise<void> {
    if (this.sessionId === undefined) return
    this.#session.assertOpen()
    await this.#continuity.terminate()
    this.#listening?.abort(new ClientError('connection_closed', 'The session was ended'))
    const task = this.#taskToSend()
    const init = { method: 'DELETE', headers: this.#headers(this.sessionId), signal: task.signal }
    try {
      await untilTaken(this.#request('message', this.#url, init), task)
    } catch (error) {
      const isOver = error instanceof ClientError && (error.status === 404 || error.status === 405)
      if (!isOver) throw error
    }
    this.#continuity.begin()
  }

  /** From here on every request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  /** Sends what gets no answer: a notification, or an answer to the server. */
  async #tell(message: JsonRpcMessage, options: SendOptions): Promise<void> {
    const task = this.#taskToSend(options.requestSignal)
    const telling: Sending = { message, options, task }
    try {
      await untilTaken(this.#post(telling), task)
    } catch (error) {
      const isLate = isAboutRequest(message) && this.#continuity.isForgotten(telling.sessionId)
      if (!isLate) throw error
      this.#session.report(obsolete(message, error))
    }
    if (message.method !== 'notifications/initialized') return
    this.#continuity.initialized()
    void this.#listen()
  }

  async #ask(message: JsonRpcMessage, id: RequestId, options: SendOptions): Promise<void> {
    const task = this.#session.task(options.requestSignal)
    const isStateless = (revisionOf(message) ?? this.#protocolVersion ?? '') >= STATELESS_REVISION
    const call: Call = { message, id, task, options, isStateless }
    this.#calls.set(id, call)
    const over = () => {
      task.release()
      if (this.#calls.get(id) === call) this.#calls.delete(id)
    }
    try {
      if (options.resumptionToken !== undefined && !isStateless) {
        call.sessionId = this.sessionId
        return void this.#follow(call).finally(over)
      }
      const response = await this.#post(call)
      if (message.method === 'initialize') {
        call.sessionId = response.headers.get('mcp-session-id') ?? undefined
        this.#continuity.begin(call.sessionId)
      }
      if (response.body && isEventStream(response))
        return void this.#follow(call, response.body).finally(over)
      this.#session.deliver(await readJsonText(response, this.#name()), {
        sessionId: call.sessionId,
      })
      if (this.#session.awaits(id))
        throw new ClientError('invalid_response', `${this.#name()} sent JSON that is no answer`)
      over()
    } catch (error) {
      over()
      // JSON-RPC errors come with a status of their own from 2026-07-28 on.
      const answer = jsonRpcErrorIn(error, id)
      if (answer === undefined) throw error
      this.#session.deliver(answer)
    }
  }

  /** What a forgotten session refused has not run, so it is sent again in the next. */
  async #post(sending: Sending): Promise<Response> {
    const { message, task } = sending
    // A new session begins outside of the old one.
    if (message.method === 'initialize') this.#continuity.begin()
    sending.sessionId = await this.#continuity.current(task)
    try {
      return await this.#postIn(sending.sessionId, sending)
    } catch (error) {
      const isForgotten = this.#continuity.noteRefusal(error, sending.sessionId)
      if (!isForgotten || isAboutRequest(message)) throw error
    }
    sending.sessionId = await this.#continuity.current(task)
    return this.#postIn(sending.sessionId, sending)
  }

  async #postIn(sessionId: string | undefined, { message, task, options }: Sending) {
    const needed = {
      ...messageHeaders(message, options?.headers),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const headers = this.#headers(sessionId, needed)
    // The revision is not agreed on yet, or not any more.
    if (message.method === 'initialize') headers.delete('mcp-protocol-version')
    const init = { method: 'POST', headers, body: JSON.stringify(message), signal: task.signal }
    return this.#request(sessionId === undefined ? 'sessionless' : 'message', this.#url, init)
  }

  /** Reads the stream of a request until the answer has come, or cannot come any more. Never rejects. */
  async #follow(call: Call, body?: Body): Promise<void> {
    const { id, task, isStateless, sessionId } = call
    const { resumptionToken, onresumptiontoken, onRequestStreamEnd } = call.options
    const isAnswered = () => !this.#session.awaits(id)
    let isLingering = false
    const stream: EventStream = {
      signal: task.signal,
      sessionId,
      lastEventId: resumptionToken,
      // A client that resumes in a new process has given the request another id.
      answerAs: resumptionToken === undefined ? undefined : id,
      onEventId: onresumptiontoken,
      onEvent: () => {
        if (isLingering || !isAnswered()) return
        // What follows the answer is still handed over, but a stream that stays open serves nobody.
        isLingering = true
        task.limit(LINGER_MS, 'The answer has come')
      },
      isOver: isAnswered,
      canResume: () =>
        !isStateless &&
        stream.lastEventId !== undefined &&
        !this.#continuity.isForgotten(sessionId),
      attempts: MAX_RESUMPTIONS,
    }
    const reason = await this.#read(stream, body)
    if (this.#session.signal.aborted) return
    const isForgotten = this.#continuity.noteRefusal(reason, sessionId)
    if (reason && !isForgotten && this.#isSessionLost(reason)) return this.#session.fail(reason)
    if (!reason && !isAnswered()) return this.#session.forget(id) // cancelled
    // A subscription learns by the callback that its stream has ended; no answer was to come.
    if (reason && onRequestStreamEnd) this.#session.forget(id)
    else if (reason) this.#session.lose(id, reason)
    if (onRequestStreamEnd) notify(onRequestStreamEnd)
  }

  /** The server's own requests and notifications, for which there is a GET up to 2025-11-25. */
  async #listen(): Promise<void> {
    const { sessionId } = this
    const task = this.#session.task()
    this.#listening?.abort(new ClientError('connection_closed', 'Another stream takes its place'))
    this.#listening = task
    const reason = await this.#read({
      sessionId,
      signal: task.signal,
      isOver: () => false,
      canResume: () => true,
      attempts: Number.POSITIVE_INFINITY,
    })
    if (reason) await this.#recover(reason, sessionId, task)
    task.release()
  }

  /** There is no message that could notice that the session is forgotten. */
  async #recover(reason: ClientError, sessionId: string | undefined, task: Task): Promise<void> {
    let error = reason
    if (this.#continuity.noteRefusal(reason, sessionId))
      try {
        return void (await this.#continuity.current(task))
      } catch (failure) {
        error = failure as ClientError
      }
    if (task.signal.aborted) return
    if (this.#isSessionLost(error)) this.#session.fail(error)
    else if (error.status !== 405) this.#session.report(error) // 405: the server has no such stream
  }

  async #open({ sessionId, lastEventId }: EventStream, task: Task): Promise<Body> {
    const { connectTimeoutMs } = this.#limits
    const opened = task.limit(
      connectTimeoutMs,
      `${this.#name()} opened no stream within ${connectTimeoutMs} ms`,
    )
    const headers = this.#headers(sessionId, {
      accept: 'text/event-stream',
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    })
    const kind = sessionId === undefined ? 'stream' : 'resumption'
    const response = await this.#request(kind, this.#url, { headers, signal: task.signal })
    opened()
    if (response.body && isEventStream(response)) return response.body
    discard(response)
    const type = response.headers.get('content-type') ?? 'no content type'
    const what = `${this.#name()} is no event stream: it answered ${response.status}, ${type}`
    throw new ClientError('invalid_response', what)
  }

  #isSessionLost(error: ClientError): boolean {
    return this.sessionId !== undefined && error.code === 'session_not_found'
  }

  #taskToSend(parent?: AbortSignal): Task {
    const task = this.#session.task(parent)
    const { sendTimeoutMs } = this.#limits
    const waited = `${this.#url.origin} did not take the message within ${sendTimeoutMs} ms`
    task.limit(sendTimeoutMs, waited)
    return task
  }

  /** For messages. The query stays out of them, it may hold a secret. */
  #name() {
    return `${this.#url.origin}${this.#url.pathname}`
  }

  #headers(sessionId: string | undefined, needed: Record<string, string> = {}): Headers {
    const headers = new Headers(this.#options.headers)
    if (this.#protocolVersion) headers.set('mcp-protocol-version', this.#protocolVersion)
    if (sessionId) headers.set('mcp-session-id', sessionId)
    for (const [name, value] of Object.entries(needed)) headers.set(name, value)
    return headers
  }
}

const LINGER_MS = 5_000
const MAX_RESUMPTIONS = 10
