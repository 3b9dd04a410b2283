import type { LogEntry } from './log.ts'

/** What happens in a local gateway, for its log and for a console. */
export type LocalEvent =
  | ({ type: 'request' } & McpRequest)
  | ({ type: 'response' } & McpResponse)
  | ({ type: 'notification' } & McpNotification)
  /** A function was registered, or its registration was replaced or removed. */
  | { type: 'registration'; change: 'registered' | 'removed'; id: string; functionName: string }
  /** The registration API has accepted a change, of the gateway itself or of another program. */
  | { type: 'registry-change' }
  | ({ type: 'log' } & LogEntry)

/** A JSON-RPC request of a client. */
export interface McpRequest {
  /** Unique in this gateway. The response has the same. */
  key: number
  /** Epoch milliseconds. */
  at: number
  transport: '/mcp' | '/sse'
  method: string
  /** The name of the tool or prompt, or the URI of the resource. */
  target?: string
  params?: unknown
}

export interface McpResponse {
  key: number
  /** Milliseconds from the request to the response. */
  duration: number
  outcome:
    | { type: 'result'; result: unknown }
    /** The result of a tool with `isError`. */
    | { type: 'tool-error'; result: unknown }
    | { type: 'error'; code: number; message: string }
    /** No response of MCP: an HTTP status that refused it, or a stream that ended before. */
    | { type: 'none'; reason: string }
}

/** A message of the gateway to the client that is no response: progress, a log line, a question. */
interface McpNotification {
  at: number
  transport: '/mcp' | '/sse'
  method: string
  params?: unknown
}

export type EventListener = (event: LocalEvent) => void

export interface Events {
  emit: EventListener
  /** Returns the function that ends it. */
  subscribe(listener: EventListener): () => void
}

export function createEvents(): Events {
  const listeners = new Set<EventListener>()
  return {
    emit(event) {
      for (const listener of listeners) listener(event)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
