import type { JsonRpcMessage } from '../jsonrpc.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { Origin } from '../transport/pending-requests.ts'

/** What an MCP session needs from its transport, which implements it. */
export interface SessionPort {
  /** The URL of the server without its query, for messages. */
  readonly name: string
  readonly heartbeatTimeoutMs: number
  /** A scope that is aborted when the server takes too long to accept a message. */
  sendScope(): AbortScope
  post(message: JsonRpcMessage, sessionId: string | undefined, scope: AbortScope): Promise<Response>
  /** Passes the message, or the batch of messages, in `text` to the client. */
  deliver(text: string, origin?: Origin): void
  report(error: unknown): void
  /** A new session has replaced the one that the server has forgotten. */
  onRenewed(): void
}
