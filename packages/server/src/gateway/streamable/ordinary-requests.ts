import { accepts } from '../../http/accept.ts'
import type { HttpRequest, HttpResponse, TextResponse } from '../../http/http-request.ts'
import { MAX_BODY_BYTES, MCP_TYPE } from '../../http/json-body.ts'
import type { Exchange } from '../../http/service.ts'
import { isRecord } from '../../is-record.ts'
import { isDeeperThan, MAX_DEPTH } from '../../json/depth.ts'
import { changesNumbers } from '../../json/exact-numbers.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { EventStore } from '../../session-table/event-store.ts'
import { type McpSession, type McpSessions, requestKey } from '../../session-table/sessions.ts'
import {
  earlierAnswer,
  type OrdinaryContext,
  type PrepareAnswer,
  responseText,
} from '../ordinary/answer.ts'
import { statelessClient } from '../ordinary/envelope.ts'
import {
  type ClientInfo,
  clientInfoIn,
  type OrdinaryRequest,
  ordinaryRequest,
} from '../ordinary/ordinary-request.ts'
import { eventResponse } from '../wire/event-stream.ts'
import { messageProblem } from '../wire/jsonrpc.ts'
import { INITIALIZE_PROTOCOL_VERSIONS } from '../wire/protocol-versions.ts'
import { createSessionId, isSessionId } from '../wire/session-id.ts'
import { usableMs } from '../wire/stream-lifetime.ts'
import { MAX_INITIALIZE_BYTES, MEDIA_TYPES, SESSION_ID } from './requirements.ts'
import { createResponseStream } from './response-stream.ts'

export interface OrdinaryRequestsOptions {
  prepare: PrepareAnswer
  registry: CachedRegistry
  sessions: McpSessions
  eventStore: EventStore
  heartbeatSeconds: number
}

type Message = Record<string, unknown>

/**
 * Ordinary `POST /mcp` requests, with and without an MCP session. Undefined for every other
 * request: nothing was done, and the SDK answers it.
 */
export function createOrdinaryRequests(options: OrdinaryRequestsOptions) {
  const { prepare, registry, sessions, eventStore, heartbeatSeconds } = options

  return async (http: HttpRequest, exchange: Exchange): Promise<HttpResponse | undefined> => {
    const { headers } = http
    const message = messageIn(http)
    if (!message) return undefined
    const id = headers[SESSION_ID]
    const version = headers['mcp-protocol-version']
    if (id === undefined && version !== undefined) {
      const sender = statelessClient(headers, message)
      if (sender) return alone(message, exchange, sender.client)
    }
    if (version !== undefined && !INITIALIZE_PROTOCOL_VERSIONS.includes(version)) return undefined
    if (id !== undefined) return inSession(id, message, exchange)
    return message['method'] === 'initialize'
      ? initialize(message, exchange)
      : earlierAlone(message, exchange)
  }

  /** Protocol version 2026-07-28. */
  async function alone(
    message: Message,
    exchange: Exchange,
    client: ClientInfo | undefined,
  ): Promise<TextResponse | undefined> {
    const request = ordinaryRequest(message, true)
    const run =
      request && (await prepare(request, contextOf(exchange, { isStateless: true, client })))
    return run && json(responseText(request.id, await run()))
  }

  /** A client of an earlier protocol version that keeps no session. */
  async function earlierAlone(
    message: Message,
    exchange: Exchange,
  ): Promise<TextResponse | undefined> {
    if (isInitialized(message)) return ACCEPTED
    const request = ordinaryRequest(message, false)
    const run = request && (await prepare(request, contextOf(exchange, {})))
    if (!run) return undefined
    return eventResponse([{ name: 'message', data: responseText(request.id, await run()) }])
  }

  async function initialize(
    message: Message,
    exchange: Exchange,
  ): Promise<TextResponse | undefined> {
    const request = ordinaryRequest(message, false)
    const params = JSON.stringify(message['params'])
    if (request?.method !== 'initialize' || Buffer.byteLength(params) > MAX_INITIALIZE_BYTES)
      return undefined
    // Read first: the client is notified of what changes from now on.
    const { registrations } = await registry.version()
    const run = await prepare(request, contextOf(exchange, {}))
    const answer = await run?.()
    if (!answer || 'error' in answer) return undefined
    const { protocolVersion } = JSON.parse(answer.result)
    const id = createSessionId()
    const { owner } = exchange.caller
    await sessions.create({ id, owner, initialize: params, protocolVersion, registrations })
    const response = json(responseText(request.id, answer))
    return { ...response, headers: { ...response.headers, [SESSION_ID]: id } }
  }

  async function inSession(
    id: string,
    message: Message,
    exchange: Exchange,
  ): Promise<HttpResponse | undefined> {
    const request = ordinaryRequest(message, false)
    const isNews = isInitialized(message)
    if (request?.method === 'initialize' || !(request || isNews) || !isSessionId(id))
      return undefined
    const session = await sessions.get(id, exchange.caller.owner)
    if (!session) return undefined
    if (!request) return ACCEPTED
    const isRepeated = session.inFlight.size > 0 && session.inFlight.has(requestKey(request.id))
    return isRepeated ? undefined : respond(request, session, exchange)
  }

  async function respond(
    request: OrdinaryRequest,
    session: McpSession,
    exchange: Exchange,
  ): Promise<HttpResponse | undefined> {
    const { requestId, receivedAt } = exchange
    const cancelled = new AbortController()
    const { signal } = cancelled
    const client = clientInfoIn(JSON.parse(session.initialize).clientInfo)
    const context = contextOf(exchange, { sessionId: session.id, client, signal })
    const run = await prepare(request, context)
    if (!run) return undefined
    const stream = createResponseStream(
      {
        session,
        requests: [request],
        sessions,
        eventStore,
        heartbeatSeconds,
        requestId,
        receivedAt,
        timeMs: context.timeMs,
      },
      () => cancelled.abort(),
    )
    void run().then(answer =>
      stream.respond(request.id, responseText(request.id, earlierAnswer(answer, request.method))),
    )
    return stream.response
  }
}

/** The message of a `POST` with one message as JSON, where nothing is wrong with it. */
function messageIn({ method, headers, text }: HttpRequest): Message | undefined {
  if (method !== 'POST' || text === undefined) return undefined
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) return undefined
  if (!MCP_TYPE.test(headers['content-type'] ?? '')) return undefined
  const accept = headers['accept'] ?? null
  if (!MEDIA_TYPES.POST.every(it => accepts(accept, it))) return undefined
  if (isDeeperThan(MAX_DEPTH, text)) return undefined
  const message = parse(text)
  const isUsual = isRecord(message) && messageProblem(message) === undefined
  // Numbers that would change need more care.
  return isUsual && !changesNumbers(text) ? message : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the slow path says what is wrong
  }
}

const isInitialized = (message: Message) =>
  message['method'] === 'notifications/initialized' &&
  message['id'] === undefined &&
  message['params'] === undefined

function contextOf(
  { caller, requestId, remaining, arrival }: Exchange,
  rest: Partial<OrdinaryContext>,
): OrdinaryContext {
  const timeMs = usableMs(remaining())
  return { caller, requestId, arrival, isStateless: false, timeMs, ...rest }
}

const ACCEPTED: TextResponse = { status: 202, headers: {}, text: '' }

const json = (text: string): TextResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  text,
})
