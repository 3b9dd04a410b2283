import {
  createMcpHandler,
  isLegacyRequest,
  type JSONRPCRequest,
  McpServer,
  originValidationResponse,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'

import { describe, toResponse } from '../../http/errors.ts'
import { MAX_BODY_BYTES, readJson } from '../../http/json-body.ts'
import { log } from '../../http/log.ts'
import type { Exchange, Service } from '../../http/service.ts'
import { mayUse } from '../protocol/access.ts'
import type { StatelessConnection } from '../protocol/connection.ts'
import { createRequestStateSigner } from '../protocol/request-state.ts'
import { isMessage, isRequest } from '../wire/jsonrpc.ts'
import { createStreamLifetime, usableMs } from '../wire/stream-lifetime.ts'
import { createBackPressure } from './back-pressure.ts'
import { cacheHints } from './cache-hints.ts'
import { changesFor, subscribedUris } from './listen.ts'
import { BATCH_PROTOCOL_VERSION, refuse } from './requirements.ts'
import { createMcpSessionRequests, type SessionOptions } from './sessions.ts'

export interface StreamableHttpOptions extends SessionOptions {
  /** Host names of web pages that may send requests, beside the gateway's own. */
  allowedOrigins: string[]
  /** The keys that sign and verify request states. */
  requestStateKeys: () => Promise<string[]>
}

/**
 * `/mcp`: Streamable HTTP. Clients up to protocol version 2025-11-25 may keep an MCP session.
 * Requests without one are served alone: protocol version 2026-07-28, and earlier clients that
 * keep no session. Those get no requests of the server and no `GET /mcp`.
 */
export function createStreamableHttp(options: StreamableHttpOptions): Service {
  const { protocol, registry, allowedOrigins, requestStateKeys, heartbeatSeconds } = options
  const sessions = createMcpSessionRequests(options)

  return async (request, exchange) => {
    const own = new URL(request.url).hostname
    const refused = originValidationResponse(request, [own, ...allowedOrigins])
    if (refused) return refused
    let body: unknown
    try {
      if (request.method === 'POST') body = (await readJson(request)).value
    } catch (error) {
      return refuseBody(error, exchange)
    }
    if (Array.isArray(body) && !mayBatch(request))
      return refuse(
        400,
        ProtocolErrorCode.InvalidRequest,
        `Only protocol version ${BATCH_PROTOCOL_VERSION} has JSON-RPC batches: send one message per request`,
      )
    if (sessions.handles(request, body) && (await isLegacyRequest(request, body)))
      return sessions.serve(request, body, exchange)
    return serveAlone(request, body, exchange)
  }

  /** Serves a request that needs no session. The SDK refuses a body that is not a message. */
  async function serveAlone(
    request: Request,
    parsedBody: unknown,
    { caller, requestId, remaining }: Exchange,
  ): Promise<Response> {
    const timeMs = usableMs(remaining())
    const backPressure = createBackPressure()
    const connection: StatelessConnection = {
      transport: 'stateless',
      caller,
      requestStateSigner: createRequestStateSigner(requestStateKeys, caller),
      deadline: AbortSignal.timeout(timeMs),
      drained: backPressure.drained,
    }
    const message = isMessage(parsedBody) && isRequest(parsedBody) ? parsedBody : undefined
    // Read before the SDK acknowledges the subscription: the client hears of all later changes.
    const bus =
      message?.method === 'subscriptions/listen'
        ? await changesFor(caller, registry, subscribedUris(message))
        : undefined
    const handler = createMcpHandler(() => createServer(message, connection), {
      legacy: 'stateless',
      ...(bus && { bus }),
      keepAliveMs: heartbeatSeconds * 1000,
      maxRequestBodySize: MAX_BODY_BYTES,
      onerror: error => log.warn('mcp', { requestId, error: describe(error) }),
    })
    // The body was read already, so the SDK gets the head and the parsed body.
    const { url, method, headers } = request
    const response = await handler.fetch(new Request(url, { method, headers }), { parsedBody })
    if (!bus) return backPressure.measure(response)
    const onEnd = () => void handler.close()
    const lifetime = createStreamLifetime({ heartbeatSeconds, requestId, timeMs, onEnd })
    return backPressure.measure(response, lifetime.stop)
  }

  async function createServer(
    message: JSONRPCRequest | undefined,
    connection: StatelessConnection,
  ) {
    const { method = '', params } = message ?? {}
    // Only lists read all registrations. A call does not wait for ten thousand tools.
    const hints = method.endsWith('/list')
      ? { cacheHints: cacheHints(await registry.snapshot()) }
      : {}
    const called =
      method === 'tools/call' ? await registry.find('tool', String(params?.['name'])) : undefined
    const mcp = new McpServer(protocol.serverInfo, {
      capabilities: protocol.capabilities,
      ...hints,
      requestState: { verify: connection.requestStateSigner.verify },
    })
    protocol.serve(mcp.server, connection)
    // No tool is registered with `mcp`. The SDK asks it only which arguments of a tool are repeated
    // as headers.
    mcp.toolInputSchemaJson = name =>
      called?.name === name && mayUse(called, connection.caller) ? called.inputSchema : undefined
    return mcp
  }
}

/** The JSON-RPC error for a body that cannot be read as JSON. */
function refuseBody(error: unknown, { requestId }: Exchange): Response {
  const { status } = toResponse(error, requestId)
  const code = status === 400 ? ProtocolErrorCode.ParseError : -32_000
  return refuse(status, code, error instanceof Error ? error.message : String(error))
}

/** A request without a session and without a version header may be of the version with batches. */
const mayBatch = ({ headers }: Request) =>
  headers.has('mcp-session-id') ||
  (headers.get('mcp-protocol-version') ?? BATCH_PROTOCOL_VERSION) === BATCH_PROTOCOL_VERSION
