import { ClientError } from '../errors.ts'
import { createTask, type Task } from './abort-scope.ts'

/** A JSON-RPC message, as loosely as the types of both SDKs agree on. */
export interface JsonRpcMessage {
  jsonrpc: '2.0'
  id?: RequestId | undefined
  method?: string | undefined
  params?: unknown
  result?: unknown
  error?: unknown
}

export type RequestId = string | number

/** What an SDK installs on a transport. */
interface Handlers {
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: JsonRpcMessage) => void) | undefined
}

/** Where a message came from. */
export interface Origin {
  /** The id under which answers are handed over, where it is not theirs. */
  answerAs?: RequestId | undefined
  /** The server's session. */
  sessionId?: string | undefined
}

/** Is told of messages before the client is. */
export interface Witness {
  /** The server asks, or notifies. */
  onServerMessage(message: JsonRpcMessage, origin: Origin): void
  onAnswer(request: JsonRpcMessage, answer: JsonRpcMessage): void
}

/** What a transport owes its client: an answer to every request, and one `onclose`. */
export interface Session {
  /** Aborted, with the reason, when the session ends. */
  readonly signal: AbortSignal
  /** @throws ClientError `connection_closed` */
  assertOpen(): void
  /** A piece of work that ends with the session, and with `parent` where there is one. */
  task(parent?: AbortSignal): Task
  /** A request awaits an answer from now on; what a message cancels awaits none. */
  note(message: JsonRpcMessage): void
  awaits(id: RequestId): boolean
  forget(id: RequestId): void
  /** Hands over the message, or the batch, in `text`. */
  deliver(text: string, origin?: Origin): void
  report(error: unknown): void
  /** Answers one request with an error: its stream is gone, the session is not. */
  lose(id: RequestId, reason: Error): void
  /** Ends the session and answers every request with an error. */
  fail(reason: Error): void
  end(reason: Error): void
}

export function createSession(handlers: Handlers, witness?: Witness): Session {
  const life = new AbortController()
  const tasks = new Set<Task>()
  /** Requests without an answer. */
  const inFlight = new Map<RequestId, JsonRpcMessage>()

  const session: Session = {
    signal: life.signal,
    assertOpen() {
      const { aborted, reason } = life.signal
      if (aborted)
        throw new ClientError('connection_closed', `Not sent. ${reason.message}`, { cause: reason })
    },
    task(parent) {
      const task = createTask(parent, () => tasks.delete(task))
      if (life.signal.aborted) task.abort(life.signal.reason)
      else tasks.add(task)
      return task
    },
    note(message) {
      const request = requestOf(message)
      if (request !== undefined) inFlight.set(request, message)
      // The server does not answer what was cancelled, so nothing is lost with it.
      const cancelled = cancelledBy(message)
      if (cancelled !== undefined) inFlight.delete(cancelled)
    },
    awaits: id => inFlight.has(id),
    forget: id => void inFlight.delete(id),
    deliver(text, origin = {}) {
      try {
        const messages = [JSON.parse(text)].flat() as JsonRpcMessage[]
        for (const message of messages) attempt(() => hand(message, origin))
      } catch (error) {
        session.report(error)
      }
    },
    report: error => notify(() => handlers.onerror?.(error as Error)),
    lose(id, reason) {
      inFlight.delete(id)
      notify(() => handlers.onmessage?.(lost(id, 'stream-lost', reason)))
    },
    fail(reason) {
      const ids = [...inFlight.keys()]
      finish(reason, () => {
        session.report(reason)
        for (const id of ids) notify(() => handlers.onmessage?.(lost(id, 'session-lost', reason)))
      })
    },
    end: reason => finish(reason, () => {}),
  }
  return session

  function hand(message: JsonRpcMessage, origin: Origin) {
    if (message.method !== undefined || message.id === undefined) {
      witness?.onServerMessage(message, origin)
      return handlers.onmessage?.(message)
    }
    const { answerAs: id = message.id } = origin
    const answer = { ...message, id }
    const request = inFlight.get(id)
    inFlight.delete(id)
    if (request) witness?.onAnswer(request, answer)
    handlers.onmessage?.(answer)
  }

  /** Neither a message that is none nor a handler that throws is a reason to lose the session. */
  function attempt(work: () => void) {
    try {
      work()
    } catch (error) {
      session.report(error)
    }
  }

  function finish(reason: Error, farewell: () => void) {
    if (life.signal.aborted) return
    life.abort(reason)
    for (const task of [...tasks]) task.abort(reason)
    inFlight.clear()
    farewell()
    notify(() => handlers.onclose?.())
  }
}

/** The id that an answer is to carry. */
export const requestOf = ({ method, id }: JsonRpcMessage) => (method === undefined ? undefined : id)

export function cancelledBy({ method, params }: JsonRpcMessage): RequestId | undefined {
  if (method !== 'notifications/cancelled') return undefined
  return (params as { requestId?: RequestId } | undefined)?.requestId
}

/** It is about a request of either side, and such a request is part of one session. */
export const isAboutRequest = ({ method = '' }: JsonRpcMessage) =>
  ['', 'notifications/cancelled', 'notifications/progress'].includes(method)

const lost = (
  id: RequestId,
  what: 'session-lost' | 'stream-lost',
  reason: Error,
): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id,
  error: {
    code: -32000,
    message: `The ${what === 'session-lost' ? 'session' : 'connection'} was lost before the answer came; whether the request ran is unknown. ${reason.message}`,
    data: { reason: what, retrySafe: false },
  },
})

/** A handler that throws must not keep the others from being called; its error surfaces as uncaught. */
export function notify(handler: () => void) {
  try {
    handler()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
