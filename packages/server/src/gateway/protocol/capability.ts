import type { CachedRegistry } from '../../registry/cached.ts'
import type { Admit } from './admission.ts'
import type { CallRecords } from './call-records.ts'
import type { ClientConnection } from './connection.ts'
import type { FunctionCalls } from './function-calls.ts'

/** What the request handlers of one MCP capability need. */
export interface Capability {
  registry: CachedRegistry
  connection: ClientConnection
  calls: FunctionCalls
  admit: Admit
  records: CallRecords
  /** Whether clients may be notified of changes. */
  serverPush: boolean
}
