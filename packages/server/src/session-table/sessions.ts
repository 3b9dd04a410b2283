import { createHash } from 'node:crypto'

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
  /** When another environment last asked that the client be pinged, in milliseconds since 1970. */
  probedAt?: number
  /** By `requestKey`: the calls of functions that have run for longer than 1.2 seconds. */
  inFlight: ReadonlyMap<string, RequestInFlight>
}

export interface RequestInFlight {
  /** The stream that carries the response, as in `StreamId`. */
  stream: string
  /** When the stream was opened, in seconds since 1970. */
  startedAt: number
  /** In milliseconds since 1970: the environment that runs the request stops by then. */
  until: number
}

/** Short for an id of any length. Numbers and texts differ. */
export const requestKey = (id: RequestId) =>
  createHash('sha256').update(JSON.stringify(id)).digest('base64url').slice(0, 22)

/**
 * MCP sessions of Streamable HTTP, for protocol versions up to 2025-11-25. A session expires one
 * hour after its last use.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export interface McpSessions {
  create(session: InitializedSession): Promise<void>
  /**
   * Undefined when the session is unknown, expired or another owner's.
   *
   * @param options.isConsistent as in `Registry.version`
   */
  get(
    id: string,
    owner: string,
    options?: { isConsistent?: boolean },
  ): Promise<McpSession | undefined>
  setLogLevel(id: string, level: string): Promise<void>
  /** False when the session is gone or has as many subscriptions as subscription-limits.ts says. */
  subscribe(id: string, uri: string, updateToken: string): Promise<boolean>
  unsubscribe(id: string, uri: string): Promise<void>
  /**
   * Records that these requests are in flight. False where one of them was in flight already; then
   * nothing is recorded.
   */
  begin(id: string, requests: RequestId[], inFlight: RequestInFlight): Promise<boolean>
  /** Removes what `begin` recorded with the same `inFlight`. */
  finish(id: string, requests: RequestId[], inFlight: RequestInFlight): Promise<void>
  /**
   * Cancels a request that may run in another environment.
   *
   * @param at when the cancellation arrived, in milliseconds since 1970
   */
  cancel(id: string, requestId: RequestId, at: number): Promise<void>
  /** When requests were cancelled within the last 15 minutes, by `requestKey`. */
  cancelled(id: string): Promise<ReadonlyMap<string, number>>
  /** Asks the environments with a stream of the session to ping the client. False: it is gone. */
  probe(id: string): Promise<boolean>
  remove(id: string): Promise<void>
}
