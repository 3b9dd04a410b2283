import { ClientError } from '../errors.ts'
import { unlessAborted } from '../http/unless-aborted.ts'
import { cancelledIdOf, type JsonRpcMessage, type RequestId, refersToRequest } from '../jsonrpc.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { MessageObserver } from '../transport/pending-requests.ts'
import { createSessionState } from '../transport/session-state.ts'
import type { SessionPort } from './session-port.ts'
import { renewSession } from './session-renewal.ts'

/**
 * The MCP session of one client. When the server forgets it, a new session replaces it and the
 * client does not notice.
 */
export interface McpSession extends MessageObserver {
  /** Undefined before there is a session, and where the server keeps none. */
  readonly id: string | undefined
  /** The client has begun a session itself. Without an id there is none now. */
  begin(id?: string): void
  /** The client has sent `notifications/initialized`. */
  markInitialized(): void
  /** Resolves with the id of a session that is not known to be forgotten; renews it if needed. */
  current(scope: AbortScope): Promise<string | undefined>
  isForgotten(id: string | undefined): boolean
  /** Whether `error` says that the server has forgotten session `id` and it can be renewed. */
  markForgotten(error: unknown, id: string | undefined): boolean
  /** Whether `error` says that the session has ended for good. */
  isLost(error: ClientError): boolean
  /**
   * Whether the message refers to a request of a forgotten session: to a request of the server, or
   * to one that the client sent in session `sentIn`.
   */
  isObsolete(message: JsonRpcMessage, sentIn?: string): boolean
  /** Waits for a renewal in progress. The session is not renewed any more. */
  terminate(): Promise<void>
}

export function createMcpSession(port: SessionPort): McpSession {
  const state = createSessionState()
  const forgotten = new Set<string>()
  /** The session of each request of the server. */
  const serverRequests = new Map<RequestId, string>()
  let sessionId: string | undefined
  let isInitialized = false
  let isTerminated = false
  let renewing: Promise<void> | undefined

  return {
    get id() {
      return sessionId
    },
    begin(id) {
      sessionId = id
    },
    markInitialized() {
      isInitialized = true
    },
    async current({ signal }) {
      if (sessionId !== undefined && forgotten.has(sessionId) && !isTerminated) {
        renewing ??= renew().finally(() => {
          renewing = undefined
        })
        await unlessAborted(renewing, signal)
      }
      return sessionId
    },
    isForgotten: id => id !== undefined && forgotten.has(id),
    markForgotten(error, id) {
      if (!isNotFound(error) || id === undefined || isTerminated || !state.initializeParams)
        return false
      forgotten.add(id)
      return true
    },
    isLost: error => sessionId !== undefined && isNotFound(error),
    isObsolete(message, sentIn) {
      if (!refersToRequest(message)) return false
      const { method, id = '' } = message
      const session = (method === undefined ? serverRequests.get(id) : sentIn) ?? sessionId
      if (method === undefined) serverRequests.delete(id)
      return session !== undefined && forgotten.has(session)
    },
    onServerMessage(message, origin) {
      if (message.id !== undefined && origin.sessionId !== undefined)
        serverRequests.set(message.id, origin.sessionId)
      // The client sends no response to a cancelled request.
      const cancelled = cancelledIdOf(message)
      if (cancelled !== undefined) serverRequests.delete(cancelled)
    },
    onResponse: state.onResponse,
    async terminate() {
      isTerminated = true
      await renewing?.catch(() => {}) // the senders that wait for the renewal get its error
    },
  }

  async function renew() {
    const renewed = await renewSession(port, state, isInitialized)
    sessionId = renewed.sessionId
    if (sessionId !== undefined) forgotten.delete(sessionId) // the server may reuse the id
    if (!isInitialized) return
    port.onRenewed()
    for (const message of renewed.missed) port.deliver(JSON.stringify(message))
  }
}

const isNotFound = (error: unknown) =>
  error instanceof ClientError && error.code === 'session_not_found'
