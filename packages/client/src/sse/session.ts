import { ClientError } from '../errors.ts'
import { QUICK_ATTEMPTS, reconnectDelay } from '../http/backoff.ts'
import { STREAM_TEMPORARY } from '../http/temporary-failure.ts'
import { sleep } from '../http/timers.ts'
import { unlessAborted } from '../http/unless-aborted.ts'
import { isRecord, parseJson } from '../is-record.ts'
import { type JsonRpcMessage, type RequestId, requestIdOf } from '../jsonrpc.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import { restoreSession } from '../transport/restore-session.ts'
import { createSessionState, type StateRequest } from '../transport/session-state.ts'
import { watchForSleep } from './sleep-watch.ts'
import { createSseStream, type Ending, type SseStreamOptions } from './stream.ts'

/** Where a message is posted. */
export interface Target {
  endpoint: URL
  /** The server runs a request once that is posted several times. */
  canRepeat: boolean
}

/**
 * The session of `/sse`: docs/resume-protocol.md. Its stream is opened again after each end. Where
 * the server has another session then, that one takes the place of the lost one.
 */
export interface SseSession {
  /** Undefined before the server has named a session. */
  readonly target: Target | undefined
  /** Opens the first stream. Rejects, with nothing left running, where that fails. */
  open(): Promise<void>
  /** Resolves with where to post, once the session is ready for messages of the client. */
  ready(scope: AbortScope): Promise<Target>
  /** A scope for one attempt to post, which ends when its session is lost. */
  attempt(parent: AbortScope): AbortScope
  /** Resolves once the server has said whether it still knows the session. */
  check(target: Target, scope: AbortScope): Promise<void>
  /** From now on the server may have accepted the request. */
  markSent(id: RequestId): void
  /** The server has refused it, each time that it was posted. */
  markRefused(id: RequestId): void
  markInitialized(): void
}

export interface SseSessionOptions
  extends Omit<SseStreamOptions, 'onEndpoint' | 'onMessage' | 'pending'> {
  pending: PendingRequests
  /** Posts a message to the session as it is, also while the session is being restored. */
  post(message: JsonRpcMessage, scope: AbortScope): Promise<void>
}

/** After so many failures in a row a response that makes no sense is not temporary. */
const MAX_INVALID = 8

export function createSseSession(options: SseSessionOptions): SseSession {
  const { url, pending, post, limits } = options
  const name = `${url.origin}${url.pathname}`
  const state = createSessionState()
  /** The requests that the server of this session may have accepted. */
  const sent = new Set<RequestId>()
  /** Requests that restore the session, by their ids. */
  const own = new Map<unknown, (response: JsonRpcMessage) => void>()
  let onEndpoint: (() => void)[] = []
  let target: Target | undefined
  let isInitialized = false
  /** Settles when a server that cannot resume has named the next session. */
  let gap: Promise<unknown> | undefined
  const attempts = new Set<AbortScope>()
  let restoring: { done: Promise<void>; scope: AbortScope } | undefined
  const stream = createSseStream({ ...options, onEndpoint: setEndpoint, onMessage: receive })

  pending.observe({
    onServerMessage() {},
    onResponse(request, response) {
      sent.delete(response.id ?? '')
      state.onResponse(request, response)
    },
  })

  return {
    get target() {
      return target
    },
    async open() {
      const named = nextEndpoint()
      const first = stream.read()
      const ending = await Promise.race([named, first])
      if (!target || pending.signal.aborted) throw failureOf((ending ?? (await first)).reason)
      void keepOpen(first)
    },
    async ready({ signal }) {
      while (gap || restoring) await unlessAborted(gap ?? Promise.resolve(restoring?.done), signal)
      return target as Target
    },
    attempt({ signal }) {
      const scope = pending.scope(signal)
      attempts.add(scope)
      const { release } = scope
      return {
        ...scope,
        release() {
          attempts.delete(scope)
          release()
        },
      }
    },
    async check(old, { signal }) {
      if (target !== old) return
      const named = nextEndpoint()
      const message = 'The server may no longer have the session'
      stream.interrupt(new ClientError('connection_closed', message))
      await unlessAborted(named, signal)
    },
    markSent: id => void sent.add(id),
    markRefused: id => void sent.delete(id),
    markInitialized() {
      isInitialized = true
    },
  }

  function nextEndpoint() {
    return new Promise<undefined>(resolve => onEndpoint.push(() => resolve(undefined)))
  }

  /** Opens the stream again after each end, until the transport is closed or that is useless. */
  async function keepOpen(first: Promise<Ending>) {
    const { signal } = pending
    const stopWatching = watchForSleep(() =>
      stream.interrupt(new ClientError('connection_closed', 'This machine has slept')),
    )
    let failures = 0
    for (let reading = first; !signal.aborted; reading = stream.read()) {
      const { reason, wasUseful, wasOpen, isPlanned, isFinal } = await reading
      if (signal.aborted) break
      failures = wasUseful ? 0 : failures + 1
      // The network is bad, but the server is there: waiting for long would not help it.
      if (wasOpen) failures = Math.min(failures, QUICK_ATTEMPTS)
      if (isFinal || !isTemporary(reason, failures)) pending.loseSession(reason)
      else if (!target?.canRepeat && !gap) {
        // The responses would have come on the stream.
        gap = nextEndpoint()
        loseSent(reason)
      }
      const isQuick = isPlanned && wasUseful
      const delay = isQuick ? Math.random() * QUICK_MS : reconnectDelay(failures, stream.retryMs)
      await sleep(delay, { signal }).catch(() => {}) // the loop looks at the signal
    }
    stopWatching()
  }

  function setEndpoint(endpoint: URL, canRepeat: boolean) {
    const isResumed = canRepeat && target?.canRepeat && target.endpoint.href === endpoint.href
    if (!isResumed) {
      const isFirst = target === undefined
      target = { endpoint, canRepeat }
      if (!isFirst) begin()
    }
    gap = undefined
    const waiting = onEndpoint
    onEndpoint = []
    for (const resolve of waiting) resolve()
  }

  function receive(text: string) {
    const message = own.size > 0 ? parseJson(text) : undefined
    const take = isRecord(message) && message['method'] === undefined && own.get(message['id'])
    if (take) take(message as unknown as JsonRpcMessage)
    else pending.deliver(text, { mayRepeat: target?.canRepeat })
  }

  /** Another session has taken the place of the one that is lost. */
  function begin() {
    restoring?.scope.abort(new ClientError('connection_closed', 'The session was lost again'))
    loseSent(new ClientError('session_not_found', `${name} no longer has the session`))
    if (state.initializeParams) return restore()
    const initialize = pending.all().find(isInitialize)
    if (initialize) repeat(initialize)
  }

  function repeat(message: JsonRpcMessage) {
    const scope = pending.scope()
    post(message, scope)
      .catch(error => {
        const id = requestIdOf(message)
        if (id !== undefined && pending.isPending(id)) pending.loseRequests([id], error)
      })
      .finally(scope.release)
  }

  /** Except `initialize`, which has no effect: it is sent again. */
  function loseSent(reason: ClientError) {
    const initialize = pending.all().find(isInitialize)?.id
    pending.loseRequests(
      [...sent].filter(id => id !== initialize),
      reason,
    )
    sent.clear()
    for (const attempt of [...attempts]) attempt.abort(reason)
  }

  function restore() {
    const scope = pending.scope()
    const request = (it: StateRequest) => requestOf(it, scope)
    const notify = (it: JsonRpcMessage) => post(it, scope)
    const { report } = pending
    const done = restoreSession({ name, request, notify, report }, state, isInitialized)
      .then(missed => {
        for (const message of missed) pending.deliver(JSON.stringify(message))
      })
      .catch(error => {
        if (!scope.signal.aborted) pending.loseSession(error)
      })
      .finally(() => {
        scope.release()
        if (restoring?.scope === scope) restoring = undefined
      })
    restoring = { done, scope }
  }

  async function requestOf({ method, params }: StateRequest, parent: AbortScope) {
    // The client chooses its own ids; this one cannot be one of them.
    const id = `renewal-${crypto.randomUUID()}`
    const scope = pending.scope(parent.signal)
    const { sendTimeoutMs } = limits
    scope.limit(sendTimeoutMs, `${name} did not respond to ${method} within ${sendTimeoutMs} ms`)
    const response = new Promise<JsonRpcMessage>(resolve => own.set(id, resolve))
    try {
      await post({ jsonrpc: '2.0', id, method, params }, scope)
      return await unlessAborted(response, scope.signal)
    } finally {
      own.delete(id)
      scope.release()
    }
  }

  /** A server that has no room for another stream says when to ask again, and ends it. */
  function failureOf(reason: ClientError): ClientError {
    const { retryMs } = stream
    if (reason.code === 'timeout')
      return new ClientError('timeout', reason.message, { retryable: true, cause: reason })
    if (reason.code !== 'connection_closed' || retryMs === undefined) return reason
    return new ClientError(
      'rate_limited',
      `${name} opened no session: this caller has too many open streams`,
      { retryable: true, retryAfterMs: retryMs, hint: TOO_MANY_STREAMS, cause: reason },
    )
  }
}

const isInitialize = ({ method }: JsonRpcMessage) => method === 'initialize'

/** Of a planned end. Many clients may reconnect at the same time. */
const QUICK_MS = 50

const TOO_MANY_STREAMS =
  'Close clients that are not needed, or raise the parameter MaxStreamsPerCaller of the stack. The stream of a client that is gone ends by itself after a minute or two.'

const isTemporary = ({ code }: ClientError, failures: number) =>
  STREAM_TEMPORARY.has(code) || (code === 'invalid_response' && failures <= MAX_INVALID)
