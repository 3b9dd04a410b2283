import { isRecord } from '../is-record.ts'
import type { JsonRpcMessage } from '../jsonrpc.ts'

/** What the server keeps for one MCP session: the client restores it in the next session. */
export interface SessionState {
  /** The parameters of `initialize`, with the negotiated version; undefined before its response. */
  readonly initializeParams: Record<string, unknown> | undefined
  onResponse(request: JsonRpcMessage, response: JsonRpcMessage): void
  /** The requests that restore the log level and the subscriptions. */
  requests(): StateRequest[]
  forget(request: StateRequest): void
}

export interface StateRequest {
  method: string
  params: Record<string, unknown>
}

export function createSessionState(): SessionState {
  let initializeParams: SessionState['initializeParams']
  /** By what they set: a later request replaces an earlier one. */
  const kept = new Map<unknown, StateRequest>()

  return {
    get initializeParams() {
      return initializeParams
    },
    onResponse({ method = '', params }, { result }) {
      if (!isRecord(result)) return
      const request = { method, params: isRecord(params) ? params : {} }
      if (method === 'initialize') {
        kept.clear()
        initializeParams = { ...request.params, protocolVersion: result['protocolVersion'] }
      } else if (method === 'resources/unsubscribe') kept.delete(subjectOf(request))
      else if (KEPT.has(method)) kept.set(subjectOf(request), request)
    },
    requests: () => [...kept.values()],
    forget: request => void kept.delete(subjectOf(request)),
  }
}

const KEPT = new Set(['logging/setLevel', 'resources/subscribe'])

/** There is one log level, and one subscription per resource. */
const subjectOf = ({ params }: StateRequest) => params['uri'] ?? 'log'
