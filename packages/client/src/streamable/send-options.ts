import { ClientError } from '../errors.ts'
import type { Task } from '../transport/abort-scope.ts'
import type { JsonRpcMessage, RequestId } from '../transport/pending-requests.ts'

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

/** A message under way. */
export interface Sending {
  message: JsonRpcMessage
  task: Task
  options?: SendOptions
  /** In which it was sent last. */
  sessionId?: string | undefined
}

export interface Call extends Sending {
  id: RequestId
  options: SendOptions
  /** Its revision has no resumption. */
  isStateless: boolean
}

export const obsolete = ({ method = 'an answer' }: JsonRpcMessage, cause?: unknown) =>
  new ClientError(
    'session_not_found',
    `Not sent: ${method} that belongs to a session which the server has forgotten`,
    { cause },
  )
