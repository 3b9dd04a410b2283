import type { RequestId } from '@modelcontextprotocol/server'

/** The state of a new MCP session: what the client sent in `initialize`, and what it got. */
interface InitializedSession {
  id: string
  /**
   * `Caller.owner` of the caller that opened the session. To other callers the session does not
   * exist.
   */
  owner: string
  /** The params of the client's `initialize` request, as JSON. */
  initialize: string
  /** The protocol version that was negotiated. */
  protocolVersion: string
  /** `RegistryVersion.registrations` at `initialize`. Later changes are announced to the client. */
  registrations: string
}

export interface McpSession extends InitializedSession {
  logLevel?: string | undefined
  /**
   * The URIs that the client subscribed to, each with the newest update token that the client
   * knows.
   */
  subscriptions: ReadonlyMap<string, string>
}

/**
 * MCP sessions of Streamable HTTP, for protocol versions up to 2025-11-25. A session expires one
 * hour after its last use.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export interface McpSessions {
  create(session: InitializedSession): Promise<void>
  /** Undefined when the session is unknown, expired or another owner's. */
  get(id: string, owner: string): Promise<McpSession | undefined>
  setLogLevel(id: string, level: string): Promise<void>
  /** False when the session is gone or has `MAX_SUBSCRIPTIONS` other subscriptions. */
  subscribe(id: string, uri: string, updateToken: string): Promise<boolean>
  unsubscribe(id: string, uri: string): Promise<void>
  /** Cancels a request that may run in another environment. */
  cancel(id: string, requestId: RequestId): Promise<void>
  /** The requests that were cancelled within the last 15 minutes. */
  cancelled(id: string): Promise<RequestId[]>
  remove(id: string): Promise<void>
}

/** The limit keeps a session within one DynamoDB item, which every request of the session reads. */
export const MAX_SUBSCRIPTIONS = 500
