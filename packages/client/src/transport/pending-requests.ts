import { ClientError } from '../errors.ts'
import {
  assertMessage,
  cancelledIdOf,
  type JsonRpcMessage,
  type RequestId,
  requestIdOf,
} from '../jsonrpc.ts'
import { elementTexts, keepText } from '../message-text.ts'
import { type AbortScope, createAbortScope } from './abort-scope.ts'

/** What the messages of the server, and the errors and the end of a transport, are passed to. */
interface Handlers {
  onclose(): void
  onerror(error: Error): void
  /** `request`: the one that the message is the response to. */
  onmessage(message: JsonRpcMessage, request?: JsonRpcMessage): void
}

/** Where a message came from. */
export interface Origin {
  /** The id that the client knows the request by, where it is not the id in the response. */
  requestId?: RequestId | undefined
  /** The MCP session. */
  sessionId?: string | undefined
  /** The server may send a response again, which the client has had. It is dropped then. */
  mayRepeat?: boolean | undefined
}

/** Sees each message before the client does. */
export interface MessageObserver {
  /** A request or a notification of the server. */
  onServerMessage(message: JsonRpcMessage, origin: Origin): void
  onResponse(request: JsonRpcMessage, response: JsonRpcMessage): void
}

/** A request of the client, from the moment in which it is sent. */
interface TrackedRequest {
  /** Whether `onmessage` had its response, or the error that stands for it. */
  readonly isAnswered: boolean
  /** Resolves when it is answered. */
  readonly answered: Promise<void>
}

/** Guarantees one response to every request of the client, and exactly one `onclose`. */
export interface PendingRequests {
  /** Aborted, with the reason, when the transport ends. */
  readonly signal: AbortSignal
  observe(observer: MessageObserver): void
  /** @throws ClientError `connection_closed` */
  assertOpen(): void
  /** A scope that ends with the transport, and with `parent` where there is one. */
  scope(parent?: AbortSignal): AbortScope
  /**
   * A request is pending from now on, and is returned. A request that `message` cancels no longer
   * is. A `send` that fails must not reject for a request that is answered: its sender would hear
   * of it twice.
   */
  track(message: JsonRpcMessage): TrackedRequest | undefined
  isPending(id: RequestId): boolean
  /** `send` rejects for the request. A response that comes all the same is dropped. */
  forget(id: RequestId): void
  /** Passes the message, or the batch of messages, in `text` to the client. */
  deliver(text: string, origin?: Origin): void
  report(error: unknown): void
  /** Responds to one request with an error: its stream is lost, the connection is not. */
  loseStream(id: RequestId, reason: Error): void
  /** Responds to these requests with an error: their session is lost, the transport is not. */
  loseRequests(ids: RequestId[], reason: Error): void
  /** The requests without a response. */
  all(): JsonRpcMessage[]
  /** Ends the transport and responds to every pending request with an error. */
  loseSession(reason: Error): void
  /** Ends the transport without a response to the pending requests. */
  close(reason: Error): void
}

const MAX_FORGOTTEN = 1_000

export function createPendingRequests(handlers: Handlers): PendingRequests {
  const lifetime = new AbortController()
  const scopes = new Set<AbortScope>()
  const requests = new Map<RequestId, ReturnType<typeof trackedRequest>>()
  /** The last ones that were given up. */
  const forgotten = new Set<RequestId>()
  let observer: MessageObserver | undefined

  const pending: PendingRequests = {
    signal: lifetime.signal,
    observe(given) {
      observer = given
    },
    assertOpen() {
      const { aborted, reason } = lifetime.signal
      if (aborted)
        throw new ClientError('connection_closed', `Not sent. ${reason.message}`, { cause: reason })
    },
    scope(parent) {
      const scope = createAbortScope(parent, () => scopes.delete(scope))
      if (lifetime.signal.aborted) scope.abort(lifetime.signal.reason)
      else scopes.add(scope)
      return scope
    },
    track(message) {
      const id = requestIdOf(message)
      const request = id === undefined ? undefined : trackedRequest(message)
      if (id !== undefined && request) requests.set(id, request)
      if (id !== undefined) forgotten.delete(id)
      // The server sends no response to a cancelled request.
      const cancelled = cancelledIdOf(message)
      if (cancelled !== undefined) requests.delete(cancelled)
      return request
    },
    isPending: id => requests.has(id),
    forget(id) {
      requests.delete(id)
      forgotten.add(id)
      const [oldest] = forgotten
      if (forgotten.size > MAX_FORGOTTEN && oldest !== undefined) forgotten.delete(oldest)
    },
    deliver(text, origin = {}) {
      attempt(() => {
        const parsed: unknown = JSON.parse(text)
        const texts = Array.isArray(parsed) ? elementTexts(text) : [text]
        for (const [index, message] of [parsed].flat().entries())
          attempt(() => pass(message, texts[index] ?? '', origin))
      })
    },
    report: error => runHandler(() => handlers.onerror(error as Error)),
    loseStream: (id, reason) => lose(id, 'stream', reason, takeAnswered(id)),
    loseRequests(ids, reason) {
      for (const id of ids) {
        const request = takeAnswered(id)
        if (request) lose(id, 'session', reason, request)
      }
    },
    all: () => [...requests.values()].map(it => it.message),
    loseSession(reason) {
      const lost = [...requests]
      for (const [id] of lost) takeAnswered(id)
      end(reason, () => {
        pending.report(reason)
        for (const [id, request] of lost) lose(id, 'session', reason, request)
      })
    },
    close: reason => end(reason, () => {}),
  }
  return pending

  function pass(message: unknown, text: string, origin: Origin) {
    assertMessage(message)
    keepText(message, text)
    if (message.method !== undefined || message.id === undefined) {
      observer?.onServerMessage(message, origin)
      return handlers.onmessage(message)
    }
    const { requestId: id = message.id } = origin
    if (forgotten.delete(id)) return
    const response = id === message.id ? message : { ...message, id }
    const request = takeAnswered(id)
    if (!request && origin.mayRepeat) return
    if (request) observer?.onResponse(request.message, response)
    handlers.onmessage(response, request?.message)
  }

  function lose(
    id: RequestId,
    lost: 'session' | 'stream',
    reason: Error,
    request: { message: JsonRpcMessage } | undefined,
  ) {
    const response = outcomeUnknown(id, lost, reason)
    runHandler(() => handlers.onmessage(response, request?.message))
  }

  function takeAnswered(id: RequestId) {
    const request = requests.get(id)
    requests.delete(id)
    request?.markAnswered()
    return request
  }

  /** An invalid message and a handler that throws are reported, and do not end the transport. */
  function attempt(work: () => void) {
    try {
      work()
    } catch (error) {
      pending.report(error)
    }
  }

  function end(reason: Error, beforeClose: () => void) {
    if (lifetime.signal.aborted) return
    lifetime.abort(reason)
    for (const scope of [...scopes]) scope.abort(reason)
    requests.clear()
    beforeClose()
    runHandler(() => handlers.onclose())
  }
}

function trackedRequest(message: JsonRpcMessage) {
  let resolve = () => {}
  const answered = new Promise<void>(it => {
    resolve = it
  })
  return {
    message,
    isAnswered: false,
    answered,
    markAnswered() {
      this.isAnswered = true
      resolve()
    },
  }
}

export const outcomeUnknown = (
  id: RequestId,
  lost: 'session' | 'stream',
  reason: Error,
): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id,
  error: {
    code: -32000,
    message: `The ${lost} was lost before the response came; it is unknown whether the request ran. ${reason.message}`,
    data: { reason: 'outcome-unknown', lost, retrySafe: false },
  },
})

/** A handler that throws does not keep the others from being called; its error is uncaught. */
export function runHandler(handler: () => void) {
  try {
    handler()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
