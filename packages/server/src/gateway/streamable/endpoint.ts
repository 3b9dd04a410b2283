import {
  createMcpHandler,
  isLegacyRequest,
  McpServer,
  originValidationResponse,
  ProtocolErrorCode,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
import type { Caller } from '../../http/caller.ts'
import { describe, toResponse } from '../../http/errors.ts'
import { MAX_BODY_BYTES, readJson } from '../../http/json-body.ts'
import type { Exchange, Service } from '../../http/service.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { mayUse } from '../protocol/access.ts'
import { watchChanges } from '../protocol/changes.ts'
import { type StateSeal, stateSeal } from '../protocol/request-state.ts'
import type { Conversation } from '../protocol/server.ts'
import { createPace } from './back-pressure.ts'
import { cacheHints } from './cache-hints.ts'
import { createSessions, FAREWELL_MS, type SessionOptions, WITH_BATCHES } from './sessions.ts'

export interface StreamableOptions extends SessionOptions {
  /** Host names of the web pages that may send requests, beside the gateway's own. */
  allowedOrigins: string[]
  /** Asked when a state has to be signed or verified. */
  requestStateKeys: () => Promise<string[]>
}

/**
 * `/mcp`: Streamable HTTP. RegistryVersion 2026-07-28 has no sessions; of the earlier ones' clients, one that keeps none is
 * served request by request, which leaves out what needs one: requests of the server to its client, and `GET /mcp`.
 */
export function createStreamable(options: StreamableOptions): Service {
  const { protocol, registry, allowedOrigins, requestStateKeys } = options
  const sessions = createSessions(options)

  return async (request, exchange) => {
    const own = new URL(request.url).hostname
    const refused = originValidationResponse(request, [own, ...allowedOrigins])
    if (refused) return refused
    let body: unknown
    try {
      if (request.method === 'POST') body = (await readJson(request)).value
    } catch (error) {
      return refusal(error, exchange)
    }
    if (Array.isArray(body) && !mayBatch(request)) return Response.json(NO_BATCH, { status: 400 })
    if (sessions.concerns(request, body) && (await isLegacyRequest(request, body)))
      return sessions.serve(request, body, exchange)
    return alone(request, body, exchange)
  }

  /** A request that needs nothing of the ones before it. */
  async function alone(
    request: Request,
    parsedBody: unknown,
    { caller, remaining }: Exchange,
  ): Promise<Response> {
    const timeMs = Math.max(0, remaining() - FAREWELL_MS)
    const pace = createPace()
    const deadline = AbortSignal.timeout(timeMs)
    const seal = stateSeal(requestStateKeys, caller)
    // Read before the client is told that it is listened for: from then on, what changes is news.
    const bus = isListen(parsedBody)
      ? await changesFor(caller, registry, subscribedIn(parsedBody))
      : undefined
    const handler = createMcpHandler(
      () => createServer(parsedBody, { caller, seal, deadline, taken: pace.taken }),
      {
        legacy: 'stateless',
        ...(bus && { bus }),
        maxRequestBodySize: MAX_BODY_BYTES,
        onerror: error => console.warn(JSON.stringify({ message: 'mcp', error: describe(error) })),
      },
    )
    // The body has been read; what is left of the request is its head.
    const { url, method, headers } = request
    const response = await handler.fetch(new Request(url, { method, headers }), { parsedBody })
    if (!bus) return pace.of(response)
    // Where the end of the environment would cut the stream off, it ends as the revision says.
    const timeUp = setTimeout(() => void handler.close(), timeMs)
    return pace.of(response, () => clearTimeout(timeUp))
  }

  async function createServer(body: unknown, conversation: Conversation & { seal: StateSeal }) {
    const { caller, seal } = conversation
    const { method, params } = Object(body)
    // Everything is read for lists only: a call should not wait for ten thousand tools.
    const hints = String(method).endsWith('/list')
      ? { cacheHints: cacheHints(await registry.snapshot()) }
      : {}
    const called =
      method === 'tools/call' ? await registry.find('tool', String(Object(params).name)) : undefined
    const mcp = new McpServer(protocol.serverInfo, {
      capabilities: protocol.capabilities,
      ...hints,
      requestState: { verify: seal.verify },
    })
    protocol.serve(mcp.server, conversation)
    // Nothing is registered with `mcp`: all requests go to the handlers above. It is asked only which arguments
    // a tool wants repeated as headers.
    mcp.toolInputSchemaJson = name =>
      called?.name === name && mayUse(called, caller) ? called.inputSchema : undefined
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

/** Without a session there is only the header to tell the revision; where it is missing, it is the one that had none. */
const mayBatch = ({ headers }: Request) =>
  headers.has('mcp-session-id') ||
  (headers.get('mcp-protocol-version') ?? WITH_BATCHES) === WITH_BATCHES

const NO_BATCH = {
  jsonrpc: '2.0',
  id: null,
  error: {
    code: ProtocolErrorCode.InvalidRequest,
    message: `JSON-RPC batches are of revision ${WITH_BATCHES} alone: send one message per request`,
  },
}

const isListen = (body: unknown) => Object(body).method === 'subscriptions/listen'

/** The resources whose updates a `subscriptions/listen` asks for. */
function subscribedIn(body: unknown): string[] {
  const uris = Object(Object(Object(body).params).notifications).resourceSubscriptions
  return Array.isArray(uris) ? uris.filter(it => typeof it === 'string') : []
}

/** The SDK's bus of changes, of which every environment learns by itself: nothing is published in it. */
async function changesFor(
  caller: Caller,
  registry: CachedRegistry,
  uris: string[],
): Promise<ServerEventBus> {
  const events = {
    tool: { kind: 'tools_list_changed' },
    resource: { kind: 'resources_list_changed' },
    prompt: { kind: 'prompts_list_changed' },
  } satisfies Record<string, ServerEvent>
  const from = await registry.snapshot()
  const marks = uris.length > 0 ? await registry.updateTokens(uris) : new Map<string, string>()
  const subscriptions = new Map(uris.map(uri => [uri, marks.get(uri) ?? '']))

  return {
    publish() {},
    subscribe: listener =>
      watchChanges({
        registry,
        caller,
        from,
        subscriptions: async () => subscriptions,
        onList: list => listener(events[list]),
        onUpdate: uri => listener({ kind: 'resource_updated', uri }),
      }),
  }
}
