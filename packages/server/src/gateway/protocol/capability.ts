import type { CachedRegistry } from '../../registry/cached.ts'
import type { ClientConnection } from './connection.ts'
import type { FunctionCalls } from './function-calls.ts'

/** What the request handlers of one MCP capability need. */
export interface Capability {
  registry: CachedRegistry
  connection: ClientConnection
  calls: FunctionCalls
  /** Whether clients may be notified of changes. */
  serverPush: boolean
}
