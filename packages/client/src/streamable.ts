import { discard, drain, textOf } from './body.ts'
import { ClientError } from './errors.ts'
import { messageHeaders, revisionOf, STATELESS_REVISION } from './headers.ts'
import { type Limits, limitsOf, type TransportOptions } from './options.ts'
import { createSend, type Send, unreachable } from './request.ts'
import { type Body, createReader, type EventStream, type ReadStream } from './resume.ts'
import {
  cancelledBy,
  createSession,
  type JsonRpcMessage,
  notify,
  type RequestId,
  requestOf,
  type Session,
} from './session.ts'
import { isEventStream, MAX_EVENT_SIZE } from './stream.ts'
import { mcpUrl } from './target.ts'
import { type Task, untilTaken } from './task.ts'

/** What the clients of both SDKs say about one message. */
export interface SendOptions {
  /** Ends this request and its stream, and nothing else. */
  requestSignal?: AbortSignal | undefined
  /** Called when the stream of the answer is over, except by `requestSignal` or `close()`. */
  onRequestStreamEnd?: (() => void) | undefined
  /** Sent with this message only. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Instead of sending the request: wait for its answer, from this point of its stream on. */
  resumptionToken?: string | undefined
  onresumptiontoken?: ((token: string) => void) | undefined
}

/**
 * MCP's Streamable HTTP transport, every revision of it, every request signed with AWS Signature
 * Version 4. Plugs into the `Client` of `@modelcontextprotocol/sdk` 1.x and of
 * `@modelcontextprotocol/client` 2.x.
 *
 * Every request is a POST of its own. Up to 2025-11-25 a stream that breaks before the answer is taken
 * up again where the server gave its events ids. Where it cannot be, the request gets a JSON-RPC error
 * (-32000, `data.reason: 'stream-lost'`) at once: whether it ran is unknown. When the server no longer
 * knows the session, every request without an answer gets one (`'session-lost'`), then `onclose` is
 * called, once, and the next connection needs a new transport. A message is never sent twice, except
 * after a refusal that says it did not run.
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
  readonly #session: Session = createSession(this)
  readonly #read: ReadStream
  /** Requests under way, their streams included. */
  readonly #calls = new Map<RequestId, Task>()
  /** The stream of the server's own messages. */
  #listening: Task | undefined
  #started = false
  #sessionId: string | undefined
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
    this.#read = createReader({
      session: this.#session,
      heartbeatTimeoutMs: this.#limits.heartbeatTimeoutMs,
      open: (stream, task) => this.#open(stream, task),
    })
  }

  /** What the server called the session; undefined before, and where it keeps none. */
  get sessionId(): string | undefined {
    return this.#sessionId
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
    if (cancelled !== undefined) this.#calls.get(cancelled)?.abort(new ClientError(...CANCELLED))

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
    if (this.#sessionId === undefined) return
    this.#session.assertOpen()
    this.#listening?.abort(new ClientError('connection_closed', 'The session was ended'))
    const task = this.#taskToSend()
    const init = { method: 'DELETE', headers: this.#headers(), signal: task.signal }
    try {
      await untilTaken(this.#request('message', this.#url, init), task)
    } catch (error) {
      const isOver = error instanceof ClientError && (error.status === 404 || error.status === 405)
      if (!isOver) throw error
    }
    this.#sessionId = undefined
  }

  /** From here on every request carries the version. `Client.connect()` calls it. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version
  }

  /** Sends what gets no answer: a notification, or an answer to the server. */
  async #tell(message: JsonRpcMessage, options: SendOptions): Promise<void> {
    const task = this.#taskToSend(options.requestSignal)
    await untilTaken(this.#post(message, options, task), task)
    if (message.method === 'notifications/initialized') void this.#listen()
  }

  async #ask(message: JsonRpcMessage, id: RequestId, options: SendOptions): Promise<void> {
    const task = this.#session.task(options.requestSignal)
    this.#calls.set(id, task)
    const over = () => {
      task.release()
      if (this.#calls.get(id) === task) this.#calls.delete(id)
    }
    const isStateless = (revisionOf(message) ?? this.#protocolVersion ?? '') >= STATELESS_REVISION
    const call: Call = { id, task, options, isStateless }
    try {
      if (options.resumptionToken !== undefined && !isStateless)
        return void this.#follow(call).finally(over)

      const response = await this.#post(message, options, task)
      if (message.method === 'initialize')
        this.#sessionId = response.headers.get('mcp-session-id') ?? undefined
      if (response.body && isEventStream(response))
        return void this.#follow(call, response.body).finally(over)
      await this.#readAnswer(response, id)
      over()
    } catch (error) {
      over()
      // JSON-RPC errors come with a status of their own from 2026-07-28 on.
      const answer = answerIn(error, id)
      if (answer === undefined) throw error
      this.#session.deliver(answer)
    }
  }

  async #post(message: JsonRpcMessage, options: SendOptions, task: Task): Promise<Response> {
    const id = requestOf(message)
    // A new session begins outside of the old one.
    if (message.method === 'initialize') this.#sessionId = undefined
    const init = {
      method: 'POST',
      headers: this.#headers({
        ...messageHeaders(message, options.headers),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      }),
      body: JSON.stringify(message),
      signal: task.signal,
    }
    const kind = this.#sessionId === undefined ? 'sessionless' : 'message'
    return this.#request(kind, this.#url, init, () => id === undefined || this.#session.awaits(id))
  }

  /** An answer that is no stream. */
  async #readAnswer(response: Response, id: RequestId): Promise<void> {
    const { status, headers } = response
    const type = headers.get('content-type') ?? 'no content type'
    if (!/^application\/json/i.test(type)) {
      void drain(response)
      const what = `${this.#name()} answered a request with ${status}, ${type}`
      throw new ClientError('invalid_response', what)
    }
    const text = await textOf(response, MAX_EVENT_SIZE).catch(error => {
      throw unreachable('The answer broke off', error, 'message')
    })
    this.#session.deliver(text)
    if (this.#session.awaits(id))
      throw new ClientError('invalid_response', `${this.#name()} sent JSON that is no answer`)
  }

  /** Reads the stream of a request until the answer has come, or cannot come any more. Never rejects. */
  async #follow({ id, task, options, isStateless }: Call, body?: Body): Promise<void> {
    const { resumptionToken, onresumptiontoken, onRequestStreamEnd } = options
    const isAnswered = () => !this.#session.awaits(id)
    let isLingering = false
    const stream: EventStream = {
      signal: task.signal,
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
      canResume: () => !isStateless && stream.lastEventId !== undefined,
      attempts: MAX_RESUMPTIONS,
    }
    const reason = await this.#read(stream, body)
    if (this.#session.signal.aborted) return
    if (reason && this.#isSessionLost(reason)) return this.#session.fail(reason)
    if (!reason && !isAnswered()) return this.#session.forget(id) // cancelled
    // A subscription learns by the callback that its stream has ended; no answer was to come.
    if (reason && onRequestStreamEnd) this.#session.forget(id)
    else if (reason) this.#session.lose(id, reason)
    if (onRequestStreamEnd) notify(onRequestStreamEnd)
  }

  /** The server's own requests and notifications, for which there is a GET up to 2025-11-25. */
  async #listen(): Promise<void> {
    const task = this.#session.task()
    this.#listening = task
    const reason = await this.#read({
      signal: task.signal,
      isOver: () => false,
      canResume: () => true,
      attempts: Number.POSITIVE_INFINITY,
    })
    task.release()
    if (!reason) return
    if (this.#isSessionLost(reason)) this.#session.fail(reason)
    else if (reason.status !== 405) this.#session.report(reason) // 405: the server has no such stream
  }

  async #open({ lastEventId }: EventStream, task: Task): Promise<Body> {
    const { connectTimeoutMs } = this.#limits
    const opened = task.limit(
      connectTimeoutMs,
      `${this.#name()} opened no stream within ${connectTimeoutMs} ms`,
    )
    const headers = this.#headers({
      accept: 'text/event-stream',
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    })
    const kind = this.#sessionId === undefined ? 'stream' : 'resumption'
    const response = await this.#request(kind, this.#url, { headers, signal: task.signal })
    opened()
    if (response.body && isEventStream(response)) return response.body
    discard(response)
    const type = response.headers.get('content-type') ?? 'no content type'
    const what = `${this.#name()} is no event stream: it answered ${response.status}, ${type}`
    throw new ClientError('invalid_response', what)
  }

  #isSessionLost(error: ClientError): boolean {
    return this.#sessionId !== undefined && error.code === 'session_not_found'
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

  #headers(needed: Record<string, string> = {}): Headers {
    const headers = new Headers(this.#options.headers)
    if (this.#protocolVersion) headers.set('mcp-protocol-version', this.#protocolVersion)
    if (this.#sessionId) headers.set('mcp-session-id', this.#sessionId)
    for (const [name, value] of Object.entries(needed)) headers.set(name, value)
    return headers
  }
}

/** A request under way. */
interface Call {
  id: RequestId
  task: Task
  options: SendOptions
  /** Its revision has no resumption. */
  isStateless: boolean
}

const LINGER_MS = 5_000
const MAX_RESUMPTIONS = 10

const CANCELLED = ['connection_closed', 'The request was cancelled'] as const

/** The body of a refusal that is the JSON-RPC answer to this very request. */
function answerIn(error: unknown, id: RequestId): string | undefined {
  if (!(error instanceof ClientError) || error.code !== 'request_refused') return undefined
  const { text } = (error as { data?: { text?: string } }).data ?? {}
  try {
    const answer = JSON.parse(text ?? '') as JsonRpcMessage | null
    return answer?.id === id && answer.error !== undefined ? text : undefined
  } catch {
    return undefined // not JSON: the refusal stands
  }
}
