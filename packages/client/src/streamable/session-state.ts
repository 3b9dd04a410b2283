import type { JsonRpcMessage } from '../transport/pending-requests.ts'

/** What a client says once and the server keeps for as long as the session: to be said again in the next. */
export interface Memory {
  /** Of `initialize`, with the revision that was agreed on; undefined before that. */
  readonly introduction: Record<string, unknown> | undefined
  /** An answer of the server. */
  noteAnswer(request: JsonRpcMessage, answer: JsonRpcMessage): void
  /** The requests that brought about what the session holds. */
  requests(): Request[]
  forget(request: Request): void
}

export interface Request {
  method: string
  params: Record<string, unknown>
}

export function createMemory(): Memory {
  let introduction: Memory['introduction']
  /** By what they set: the later one replaces the one before. */
  const held = new Map<unknown, Request>()

  return {
    get introduction() {
      return introduction
    },
    noteAnswer({ method, params }, { result }) {
      if (result === undefined || result === null) return
      const request = { method: method ?? '', params: { ...(params as object | undefined) } }
      if (method === 'initialize') {
        held.clear()
        const { protocolVersion } = result as { protocolVersion?: unknown }
        introduction = { ...request.params, protocolVersion }
      } else if (method === 'resources/unsubscribe') held.delete(subject(request))
      else if (KEPT.has(request.method)) held.set(subject(request), request)
    },
    requests: () => [...held.values()],
    forget: request => void held.delete(subject(request)),
  }
}

const KEPT = new Set(['logging/setLevel', 'resources/subscribe'])

/** There is one log level, and one subscription per resource. */
const subject = ({ params }: Request) => params['uri'] ?? 'log'
