/** What every environment has to know of a client that introduced itself to one of them. */
interface Introduction {
  id: string
  /** `Caller.owner`; for anyone else the session does not exist. */
  owner: string
  /** The params of its `initialize`, as JSON. */
  initialize: string
  /** The revision that was agreed on. */
  protocolVersion: string
  /** `RegistryVersion` of the registry when the client introduced itself: what changed since is news to it. */
  registrations: string
}

export interface McpSession extends Introduction {
  logLevel?: string | undefined
  /** The resources whose updates the client wants to hear of, each with the mark that is no news to it. */
  subscriptions: ReadonlyMap<string, string>
}

/** The sessions of Streamable HTTP up to revision 2025-11-25. One that is not used is forgotten after an hour. */
export interface McpSessions {
  create(introduction: Introduction): Promise<void>
  /** Undefined when it is unknown, over, or somebody else's. */
  get(id: string, owner: string): Promise<McpSession | undefined>
  setLogLevel(id: string, level: string): Promise<void>
  /** False when the session has `MAX_SUBSCRIPTIONS` already. */
  subscribe(id: string, uri: string, mark: string): Promise<boolean>
  unsubscribe(id: string, uri: string): Promise<void>
  /** Tells the environment that runs a request that its client has cancelled it. */
  cancel(id: string, requestId: RequestId): Promise<void>
  /** The requests that were cancelled lately. */
  cancelled(id: string): Promise<RequestId[]>
  remove(id: string): Promise<void>
}

type RequestId = string | number

/** The session is one item, of which an environment reads all. */
export const MAX_SUBSCRIPTIONS = 500
