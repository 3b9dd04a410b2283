import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { JSONRPCRequest, ServerContext } from '@modelcontextprotocol/server'

import type { Exchange } from '../../http/service.ts'
import type { BeginCall } from '../../observe/call-record.ts'
import type { RateLimits } from '../../rate-limit/rate-limits.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { stringOrEmpty } from '../../string-or-empty.ts'
import { mayUse } from './access.ts'
import type { ClientConnection } from './connection.ts'
import { isLimited } from './methods.ts'
import { resolve } from './uris.ts'

/** Admits a request to what it calls, or rejects with `RateLimited`. */
export type Admit = (registration: Registration, ctx: ServerContext) => Promise<void>

/** For the handlers of a server. A request counts once, however often its client is asked. */
export function admissionOf(connection: ClientConnection, limits: RateLimits): Admit {
  const { caller, transport } = connection
  const isAdmitted = transport !== 'sse' && connection.isAdmitted
  // All rounds of a request share its signal.
  const admitted = new WeakSet<AbortSignal>()

  return async (registration, { mcpReq: { signal } }) => {
    if (isAdmitted || admitted.has(signal)) return
    admitted.add(signal)
    // `POST /message` has counted it for its caller.
    await limits.admit({ caller, registration, countsForCaller: transport !== 'sse' })
  }
}

export interface DoorOptions {
  registry: CachedRegistry
  limits: RateLimits
  beginCall: BeginCall
}

/**
 * Admits the only request of an HTTP request before anything of it is accepted, so that it can be
 * refused with an HTTP status. False where the handler decides. A refused call has its log entry.
 */
export async function admitAtDoor(
  { method, params }: Pick<JSONRPCRequest, 'method' | 'params'>,
  { caller, requestId, arrival }: Pick<Exchange, 'caller' | 'requestId' | 'arrival'>,
  { registry, limits, beginCall }: DoorOptions,
  sessionId?: string,
): Promise<boolean> {
  if (!isLimited(method)) return false
  // The handler says that it does not exist, or that the table cannot be read.
  const registration = await find().catch(() => undefined)
  if (!registration || !mayUse(registration, caller)) return false
  try {
    await limits.admit({ caller, registration })
  } catch (error) {
    const traceparent = params?._meta?.['traceparent']
    const call = beginCall({ method, caller, requestId, sessionId, arrival, traceparent })
    const { uri, arguments: args = uri === undefined ? {} : { uri } } = params ?? {}
    call?.found(registration, args)
    call?.refused(error)
    throw error
  }
  return true

  async function find(): Promise<Registration | undefined> {
    if (method === 'tools/call') return registry.find('tool', stringOrEmpty(params?.['name']))
    if (method === 'prompts/get') return registry.find('prompt', stringOrEmpty(params?.['name']))
    const uri = stringOrEmpty(params?.['uri'])
    return resolve(await registry.list('resource'), caller, uri)?.resource
  }
}
