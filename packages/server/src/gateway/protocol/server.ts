import type { Server, ServerOptions } from '@modelcontextprotocol/server'

import type { Invoke, InvokeStream } from '../../invoker/invoker.ts'
import type { BeginCall } from '../../observe/call-record.ts'
import type { RateLimits } from '../../rate-limit/rate-limits.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { admissionOf } from './admission.ts'
import { type CallRecords, createCallRecords } from './call-records.ts'
import { capabilitiesOf } from './capabilities.ts'
import { serveCompletion } from './completion.ts'
import type {
  ClientConnection,
  SessionConnection,
  SseConnection,
  StatelessConnection,
} from './connection.ts'
import { createFunctionCalls } from './function-calls.ts'
import { GatewayServer, StatelessServer } from './gateway-server.ts'
import { servePrompts } from './prompts.ts'
import { serveResources } from './resources.ts'
import { serverInfo } from './server-info.ts'
import { serveTools } from './tools.ts'
import type { createCachedValidators } from './validators.ts'

export interface ProtocolOptions {
  registry: CachedRegistry
  invoke: Invoke
  invokeStream: InvokeStream
  limits: RateLimits
  beginCall: BeginCall
  validatorsOf: ReturnType<typeof createCachedValidators>
  /** Calls of functions that one request of `/mcp`, which may be a batch, runs at once. */
  maxCallsInFlight: number
  /** Whether clients may be notified of changes. */
  serverPush: boolean
  /** What clients may tell their model about this gateway. Empty for nothing. */
  instructions: string
}

/** Serves the registered tools, resources and prompts with the MCP SDK. */
export interface Protocol {
  /** A new server for one HTTP request without a session. */
  createStatelessServer(
    connection: StatelessConnection,
    options?: StatelessOptions,
  ): StatelessServer
  /** A new server for one client that may be asked for input while a request runs. */
  createServer(connection: SseConnection | SessionConnection): Server
}

interface StatelessOptions {
  cacheHints?: NonNullable<ServerOptions['cacheHints']>
  /** False where no function can log. @default true */
  logging?: boolean
}

/** The longest time that a user may take to respond to an elicitation. */
const MAX_INPUT_TIMEOUT_MS = 600_000

export function createProtocol(options: ProtocolOptions): Protocol {
  const { registry, invoke, invokeStream, limits, beginCall, validatorsOf, serverPush } = options
  const { maxCallsInFlight } = options
  const instructions = options.instructions ? { instructions: options.instructions } : {}

  return {
    createStatelessServer(connection, { cacheHints, logging = true } = {}) {
      const { requestId, requestStateSigner: signer } = connection
      const options = {
        capabilities: capabilitiesOf({ serverPush, logging }),
        ...instructions,
        ...(cacheHints && { cacheHints }),
        ...(signer && { requestState: { verify: signer.verify } }),
      }
      const records = createCallRecords(connection, beginCall)
      const stateless = new StatelessServer(serverInfo, options, requestId, records)
      serve(stateless.server, connection, records)
      return stateless
    },
    createServer(connection) {
      const inputTimeoutMs = Math.min(MAX_INPUT_TIMEOUT_MS, connection.inputTimeoutMs)
      const inputRequired = { roundTimeoutMs: Math.max(1, inputTimeoutMs) }
      const capabilities = capabilitiesOf({ serverPush, logging: true })
      const options = { capabilities, inputRequired, ...instructions }
      const records = createCallRecords(connection, beginCall)
      const server = new GatewayServer(serverInfo, options, connection.requestId, records)
      serve(server, connection, records)
      return server
    },
  }

  function serve(server: Server, connection: ClientConnection, records: CallRecords) {
    const calls = createFunctionCalls(server, connection, {
      invoke,
      invokeStream,
      records,
      maxCallsInFlight,
    })
    const admit = admissionOf(connection, limits)
    const capability = { registry, connection, calls, admit, records, serverPush }
    serveTools(server, capability, validatorsOf)
    serveResources(server, capability)
    servePrompts(server, capability)
    serveCompletion(server, capability)
  }
}
