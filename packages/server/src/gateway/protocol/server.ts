import { type Implementation, Server, type ServerCapabilities } from '@modelcontextprotocol/server'

import type { Invoke, InvokeStream } from '../../invoker/invoker.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { version } from '../../version.ts'
import { serveCompletion } from './completion.ts'
import type { ClientConnection, SessionConnection, SseConnection } from './connection.ts'
import { createFunctionCalls } from './function-calls.ts'
import { servePrompts } from './prompts.ts'
import { serveResources } from './resources.ts'
import { serveTools } from './tools.ts'
import { createCachedValidators } from './validators.ts'

export interface ProtocolOptions {
  registry: CachedRegistry
  invoke: Invoke
  invokeStream: InvokeStream
}

/** Serves the registered tools, resources and prompts with the MCP SDK. */
export interface Protocol {
  serverInfo: Implementation
  capabilities: ServerCapabilities
  /** Adds the request handlers for one client to `server`. */
  serve(server: Server, connection: ClientConnection): void
  /** A new server for one client that may be asked for input while a request runs. */
  createServer(connection: SseConnection | SessionConnection): Server
}

const serverInfo: Implementation = { name: 'mcp-lambda-sam', version }

const capabilities: ServerCapabilities = {
  tools: { listChanged: true },
  resources: { listChanged: true, subscribe: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

/** The longest time that a user may take to respond to an elicitation. */
const MAX_INPUT_TIMEOUT_MS = 600_000

export function createProtocol({ registry, invoke, invokeStream }: ProtocolOptions): Protocol {
  const validatorsOf = createCachedValidators()

  return {
    serverInfo,
    capabilities,
    serve,
    createServer(connection) {
      const inputTimeoutMs = Math.min(MAX_INPUT_TIMEOUT_MS, connection.inputTimeoutMs)
      const inputRequired = { roundTimeoutMs: Math.max(1, inputTimeoutMs) }
      const server = new Server(serverInfo, { capabilities, inputRequired })
      serve(server, connection)
      return server
    },
  }

  function serve(server: Server, connection: ClientConnection) {
    const calls = createFunctionCalls(server, connection, { invoke, invokeStream })
    const capability = { registry, connection, calls }
    serveTools(server, capability, validatorsOf)
    serveResources(server, capability)
    servePrompts(server, capability)
    serveCompletion(server, capability)
  }
}
