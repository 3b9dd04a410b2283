import type { Caller } from '../../http/caller.ts'
import type { Arrival } from '../../http/service.ts'
import type { RequestStateSigner } from './request-state.ts'
import type { Subscriptions } from './subscriptions.ts'

/** The client of a protocol server: who calls, and what its transport offers. */
export type ClientConnection = SseConnection | SessionConnection | StatelessConnection

/** `/sse`: one process holds the stream. The transport fails the requests that outlive it. */
export interface SseConnection {
  transport: 'sse'
  caller: Caller
  /** The Lambda request, for the log. */
  requestId: string
  arrival: Arrival
  sessionId: string
  subscriptions: Subscriptions
  /** Milliseconds that a user may take to respond to an elicitation. */
  inputTimeoutMs: number
}

/** `/mcp` with an MCP session, up to protocol version 2025-11-25. */
export interface SessionConnection {
  transport: 'session'
  caller: Caller
  /** The Lambda request, for the log. */
  requestId: string
  arrival: Arrival
  sessionId: string
  subscriptions: Subscriptions
  /** Milliseconds that a user may take to respond to an elicitation. */
  inputTimeoutMs: number
  /** Aborts when the time of the environment is nearly over. */
  deadline: AbortSignal
  /** Whether its only request has passed the rate limits. */
  isAdmitted: boolean
}

/** `/mcp` without a session: protocol version 2026-07-28, and earlier clients that keep none. */
export interface StatelessConnection {
  transport: 'stateless'
  caller: Caller
  /** The Lambda request, for the log. */
  requestId: string
  arrival: Arrival
  /** Undefined for clients of earlier protocol versions: they cannot carry a request state. */
  requestStateSigner: RequestStateSigner | undefined
  /** Aborts when the time of the environment is nearly over. */
  deadline: AbortSignal
  /** Whether its only request has passed the rate limits. */
  isAdmitted: boolean
  /**
   * Resolves when the client has read enough of the notifications that were sent. The SDK's
   * `notify` does not wait for the reader on this transport.
   */
  drained(): Promise<void>
}
