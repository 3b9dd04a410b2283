import type { ErrorBody } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  createMcpHandler,
  isLegacyRequest,
  type JSONRPCRequest,
  type McpRequestContext,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'

import { describe, toResponse } from '../../http/errors.ts'
import type { HttpResponse } from '../../http/http-request.ts'
import { MAX_BODY_BYTES, readMcpJson } from '../../http/json-body.ts'
import { log } from '../../http/log.ts'
import type { Exchange } from '../../http/service.ts'
import { stringOrEmpty } from '../../string-or-empty.ts'
import { mayUse } from '../protocol/access.ts'
import { admitAtDoor } from '../protocol/admission.ts'
import { cacheHints } from '../protocol/cache-hints.ts'
import type { StatelessConnection } from '../protocol/connection.ts'
import { withExactArguments } from '../protocol/exact-arguments.ts'
import { createRequestStateSigner } from '../protocol/request-state.ts'
import { fits, tooManySubscriptions } from '../protocol/subscriptions.ts'
import { withOurEventStream } from '../wire/event-stream.ts'
import { cancelledIdOf, isMessage, isRequest, refuse, refuseInvalid } from '../wire/jsonrpc.ts'
import { createStreamLifetime, usableMs } from '../wire/stream-lifetime.ts'
import { createBackPressure } from './back-pressure.ts'
import { changesFor, subscribedUris } from './listen.ts'
import {
  ACCEPT_ALL,
  BATCH_PROTOCOL_VERSION,
  checkAccept,
  refuseRepeatedIds,
  refuseStream,
  shortRefusal,
} from './requirements.ts'
import { createMcpSessionRequests, type SessionOptions } from './sessions.ts'

export interface StreamableHttpOptions extends SessionOptions {
  /** Seconds after which a `subscriptions/listen` is completed: its client answers no pings. */
  listenSeconds: number
  /** Seconds for which a client may cache a list. */
  listTtlSeconds: number
  /** The keys that sign and verify request states. */
  requestStateKeys: () => Promise<string[]>
  /** Records that a request state was used. False where it was recorded before. */
  useRequestState: (id: string) => Promise<boolean>
}

/**
 * A batch without its cancellations. Without a session they can only name a request of the same
 * batch, for which the SDK would then wait without end.
 */
function withoutCancellations(body: unknown): unknown {
  if (!Array.isArray(body) || !body.some(it => isMessage(it) && isRequest(it))) return body
  return body.filter(it => !isMessage(it) || cancelledIdOf(it) === undefined)
}

/** Serves a web request. */
export type WebService = (request: Request, exchange: Exchange) => Promise<HttpResponse>

/**
 * `/mcp`: Streamable HTTP. Clients up to protocol version 2025-11-25 may keep an MCP session.
 * Requests without one are served alone: protocol version 2026-07-28, and earlier clients that
 * keep no session. Those get no requests of the server and no `GET /mcp`.
 */
export function createStreamableHttp(options: StreamableHttpOptions): WebService {
  const { protocol, registry, heartbeatSeconds, serverPush } = options
  const sessions = createMcpSessionRequests(options)
  const hints = cacheHints(options.listTtlSeconds)

  return async (request, exchange) => {
    let body: unknown
    let text = ''
    try {
      if (request.method === 'POST') ({ value: body, text } = await readMcpJson(request))
    } catch (error) {
      return refuseBody(error, exchange)
    }
    if (Array.isArray(body) && !mayBatch(request))
      return refuse(
        400,
        ProtocolErrorCode.InvalidRequest,
        `Only protocol version ${BATCH_PROTOCOL_VERSION} has JSON-RPC batches: send one message per request`,
      )
    const invalid = request.method === 'POST' ? refuseInvalid(body) : undefined
    if (invalid) return invalid
    const repeated = refuseRepeatedIds(body)
    if (repeated) return repeated
    const isStream = request.method === 'GET' && request.headers.has('mcp-session-id')
    const unacceptable = isStream || request.method === 'POST' ? checkAccept(request) : undefined
    if (unacceptable) return unacceptable
    const inSession = sessions.handles(request, body) && (await isLegacyRequest(request, body))
    return withExactArguments(text, body, () =>
      inSession
        ? sessions.serve(request, body, exchange)
        : serveAlone(request, withoutCancellations(body), exchange),
    )
  }

  /** Serves a request that needs no session. */
  async function serveAlone(
    request: Request,
    parsedBody: unknown,
    exchange: Exchange,
  ): Promise<HttpResponse> {
    const { caller, requestId, remaining, arrival } = exchange
    const message = isMessage(parsedBody) && isRequest(parsedBody) ? parsedBody : undefined
    const isAdmitted = message !== undefined && (await admitAtDoor(message, exchange, options))
    const timeMs = usableMs(remaining())
    const backPressure = createBackPressure()
    const connection: StatelessConnection = {
      transport: 'stateless',
      caller,
      requestId,
      arrival,
      requestStateSigner: undefined,
      deadline: AbortSignal.timeout(timeMs),
      isAdmitted,
      drained: backPressure.drained,
    }
    const signer = createRequestStateSigner(
      options.requestStateKeys,
      caller,
      options.useRequestState,
    )
    // Without push the SDK acknowledges none of the subscriptions, and completes the request.
    const listens = serverPush && message?.method === 'subscriptions/listen'
    const uris = listens ? subscribedUris(message) : undefined
    if (uris && !fits(uris)) {
      const { code, message: text } = tooManySubscriptions()
      return refuse(400, code, text, message)
    }
    const slot = uris && (await options.streams.open({ owner: caller.owner, timeMs }))
    if (uris && !slot) return refuseStream(message)
    // Read before the SDK acknowledges the subscription: the client hears of all later changes.
    const bus = uris && (await changesFor(caller, registry, uris))
    const read = await readFor(message)
    const createServer = ({ era }: McpRequestContext) =>
      createStatelessServer(read, {
        ...connection,
        requestStateSigner: era === 'modern' ? signer : undefined,
      })
    const handler = createMcpHandler(createServer, {
      legacy: 'stateless',
      ...(bus && { bus }),
      keepAliveMs: heartbeatSeconds * 1000,
      maxRequestBodySize: MAX_BODY_BYTES,
      onerror: error => log.warn('mcp', { requestId, error: describe(error) }),
    })
    // The body was read already, so the SDK gets the head and the parsed body.
    const { url, method } = request
    const headers = new Headers(request.headers)
    if (method === 'POST') headers.set('accept', ACCEPT_ALL)
    const response = await handler.fetch(new Request(url, { method, headers }), { parsedBody })
    if (response.status >= 400) {
      await slot?.close()
      return shortRefusal(response)
    }
    if (!bus || !slot) return withOurEventStream(backPressure.measure(response))
    const onEnd = () => void slot.close().then(() => handler.close())
    const lease = { renew: () => slot.renew(lifetime.signs()).then(() => true) }
    const listenMs = Math.min(timeMs, options.listenSeconds * 1000)
    const lifetime = createStreamLifetime({
      heartbeatSeconds,
      requestId,
      timeMs: listenMs,
      lease,
      onEnd,
    })
    const onWritten = () => {
      lifetime.stop()
      void slot.close()
    }
    return withOurEventStream(backPressure.measure(response, onWritten))
  }

  /**
   * What a server needs of the registry. Read before the SDK makes the server, because the SDK
   * responds 500 to whatever fails then.
   */
  async function readFor(message: JSONRPCRequest | undefined) {
    const { method, params } = message ?? {}
    const called =
      method === 'tools/call'
        ? await registry.find('tool', stringOrEmpty(params?.['name']))
        : undefined
    // Only functions with the contract `mcp` can log. Without the table, they may be there.
    const logging =
      method === 'server/discover' ? await registry.usesMcpContract().catch(() => true) : true
    return { logging, called }
  }

  function createStatelessServer(
    { logging, called }: Awaited<ReturnType<typeof readFor>>,
    connection: StatelessConnection,
  ) {
    const mcp = protocol.createStatelessServer(connection, { cacheHints: hints, logging })
    // No tool is registered with `mcp`. The SDK asks it only which arguments of a tool are repeated
    // as headers.
    mcp.toolInputSchemaJson = name =>
      called?.name === name && mayUse(called, connection.caller) ? called.inputSchema : undefined
    return mcp
  }
}

/** The JSON-RPC error for a body that cannot be read as JSON. */
async function refuseBody(error: unknown, { requestId }: Exchange): Promise<Response> {
  // It logs a fault of the gateway, and its message shows none of it.
  const response = toResponse(error, requestId)
  const { error: shown } = (await response.json()) as ErrorBody
  const code = response.status === 400 ? ProtocolErrorCode.ParseError : -32_000
  return refuse(response.status, code, shown.message)
}

/** A request without a session and without a version header may be of the version with batches. */
const mayBatch = ({ headers }: Request) =>
  headers.has('mcp-session-id') ||
  (headers.get('mcp-protocol-version') ?? BATCH_PROTOCOL_VERSION) === BATCH_PROTOCOL_VERSION
