import { ClientError } from '../errors.ts'
import type { JsonRpcMessage, RequestId } from '../jsonrpc.ts'
import type { AbortScope } from '../transport/abort-scope.ts'

/** The options that the clients of both SDKs give with one message. */
export interface SendOptions {
  /** Ends this request and its stream, and nothing else. */
  requestSignal?: AbortSignal | undefined
  /** Called when the stream of the response has ended, except by `requestSignal` or `close()`. */
  onRequestStreamEnd?: (() => void) | undefined
  /** Sent with this message only. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Does not send the request, but resumes the stream of its response at this point. */
  resumptionToken?: string | undefined
  onresumptiontoken?: ((token: string) => void) | undefined
}

/** A message that is being sent. */
export interface OutgoingMessage {
  message: JsonRpcMessage
  scope: AbortScope
  options?: SendOptions
  /** The MCP session in which it was sent last. */
  sessionId?: string | undefined
}

/** A request that is being sent, or whose response is being read. */
export interface OutgoingRequest extends OutgoingMessage {
  id: RequestId
  options: SendOptions
  /** Its protocol version has no sessions and no resumption. */
  isStateless: boolean
}

export const forgottenSessionError = (
  { method = 'a response' }: JsonRpcMessage,
  cause?: unknown,
): ClientError =>
  new ClientError(
    'session_not_found',
    `Not sent: ${method} belongs to a session that the server has forgotten`,
    { cause },
  )
