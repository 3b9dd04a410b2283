import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { ServerContext } from '@modelcontextprotocol/server'

import type { BeginCall, CallRecord } from '../../observe/call-record.ts'
import type { ClientConnection } from './connection.ts'
import { callsFunction } from './methods.ts'

/** The records of the calls that a server of the SDK serves. */
export interface CallRecords {
  /** Undefined for a request that calls no function. */
  begin(method: string, ctx: ServerContext): CallRecord | undefined
  /** The record of the current call. */
  of(ctx: ServerContext): CallRecord | undefined
  /** Tells the record which registration is called. */
  found(registration: Registration, args: unknown, ctx: ServerContext): void
}

export function createCallRecords(
  { caller, requestId, arrival, ...connection }: ClientConnection,
  beginCall: BeginCall,
): CallRecords {
  /** All rounds of a call share its signal. */
  const records = new WeakMap<AbortSignal, CallRecord>()
  const sessionId = 'sessionId' in connection ? connection.sessionId : undefined
  const of = ({ mcpReq }: ServerContext) => records.get(mcpReq.signal)

  return {
    begin(method, { mcpReq }) {
      if (!callsFunction(method)) return undefined
      const traceparent = mcpReq._meta?.['traceparent']
      const record = beginCall({ method, caller, requestId, sessionId, arrival, traceparent })
      if (record) records.set(mcpReq.signal, record)
      return record
    },
    of,
    found: (registration, args, ctx) => of(ctx)?.found(registration, args),
  }
}
