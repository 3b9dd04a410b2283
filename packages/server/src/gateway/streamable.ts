import { AsyncLocalStorage } from 'node:async_hooks'

import {
  createMcpHandler,
  isLegacyRequest,
  McpServer,
  originValidationResponse,
  ProtocolErrorCode,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server'

import { MAX_BODY_BYTES, readJson } from '../body.ts'
import { describe, toResponse } from '../errors.ts'
import type { Exchange, Service } from '../lambda/handler.ts'
import type { Catalogue } from '../registry/catalogue.ts'
import { mayUse } from './access.ts'
import { watchLists } from './lists.ts'
import { createSessions, type SessionOptions } from './session.ts'
import { stateSeal } from './state.ts'

export interface StreamableOptions extends SessionOptions {
  /** Host names of the web pages that may send requests, beside the gateway's own. */
  allowedOrigins: string[]
  /** Asked when a state has to be signed or verified. */
  requestStateKeys: () => Promise<string[]>
}

/** A change must reach an open `subscriptions/listen` within a second. */
const WATCH_MS = 500

/** An open stream ends as a response before the environment is killed. */
const FAREWELL_MS = 5_000

/**
 * `/mcp`: Streamable HTTP. Revision 2026-07-28 has no sessions; of the earlier ones' clients, one that keeps none is
 * served request by request, which leaves out what needs one: requests of the server to its client, and `GET /mcp`.
 */
export function createStreamable(options: StreamableOptions): Service {
  const { protocol, catalogue, allowedOrigins, requestStateKeys } = options
  const sessions = createSessions(options)
  const exchanges = new AsyncLocalStorage<Exchange>()
  const handler = createMcpHandler(createServer, {
    legacy: 'stateless',
    bus: changesOf(catalogue),
    maxRequestBodySize: MAX_BODY_BYTES,
    onerror: error => console.warn(JSON.stringify({ message: 'mcp', error: describe(error) })),
  })

  return async (request, exchange) => {
    const own = new URL(request.url).hostname
    const refused = originValidationResponse(request, [own, ...allowedOrigins])
    if (refused) return refused
    let parsedBody: unknown
    try {
      if (request.method === 'POST') parsedBody = (await readJson(request)).value
    } catch (error) {
      return refusal(error, exchange)
    }
    if (sessions.concerns(request, parsedBody) && (await isLegacyRequest(request, parsedBody)))
      return sessions.serve(request, parsedBody, exchange)
    return exchanges.run(exchange, () =>
      handler.fetch(withDeadline(request, exchange), { parsedBody }),
    )
  }

  async function createServer() {
    const exchange = exchanges.getStore()
    if (!exchange) throw new Error('a server was asked for outside of a request')
    const { caller } = exchange
    const { tool } = await catalogue.current()
    const seal = stateSeal(requestStateKeys, caller)
    const mcp = new McpServer(protocol.serverInfo, {
      capabilities: protocol.capabilities,
      requestState: { verify: seal.verify },
    })
    protocol.serve(mcp.server, caller, undefined, seal)
    // Nothing is registered with `mcp`: all requests go to the handlers above. It is asked only which arguments
    // a tool wants repeated as headers.
    mcp.toolInputSchemaJson = name => {
      const called = tool.get(name)
      return called && mayUse(called, caller) ? called.inputSchema : undefined
    }
    return mcp
  }
}

/** A body that is no JSON-RPC message, answered as JSON-RPC asks. */
function refusal(error: unknown, { requestId }: Exchange): Response {
  const { status } = toResponse(error, requestId)
  const code = status === 400 ? ProtocolErrorCode.ParseError : -32_000
  const { message } = error as Error
  return Response.json({ jsonrpc: '2.0', id: null, error: { code, message } }, { status })
}

/** The body has been read; what is left of the request is its head, and the time there is for it. */
function withDeadline(request: Request, { remaining }: Exchange): Request {
  const { url, method, headers } = request
  const signal = AbortSignal.timeout(Math.max(0, remaining() - FAREWELL_MS))
  return new Request(url, { method, headers, signal })
}

/** The SDK's bus of changes, of which every environment learns by itself: nothing is published in it. */
function changesOf(catalogue: Catalogue): ServerEventBus {
  const events = {
    tool: { kind: 'tools_list_changed' },
    resource: { kind: 'resources_list_changed' },
    prompt: { kind: 'prompts_list_changed' },
  } satisfies Record<string, ServerEvent>

  return {
    publish() {},
    subscribe: listener =>
      watchLists({
        catalogue,
        caller: undefined,
        everyMs: WATCH_MS,
        onChange: list => listener(events[list]),
      }),
  }
}
