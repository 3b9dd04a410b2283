import {
  isSpecType,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server'

import type { HttpResponse } from '../../http/http-request.ts'
import type { Exchange } from '../../http/service.ts'
import { isRecord } from '../../is-record.ts'
import { INVALID_PARAMS, INVALID_REQUEST, SERVER_ERROR } from '../../jsonrpc-error.ts'
import type { EventStore } from '../../session-table/event-store.ts'
import type { OpenStreams } from '../../session-table/open-streams.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { admitAtDoor, type DoorOptions } from '../protocol/admission.ts'
import type { SessionConnection } from '../protocol/connection.ts'
import { sentText } from '../protocol/exact-arguments.ts'
import type { Protocol } from '../protocol/server.ts'
import { type Subscriptions, tooManySubscriptions } from '../protocol/subscriptions.ts'
import {
  cancelledIdOf,
  isMessage,
  isRequest,
  isResponse,
  type JsonRpcResponse,
  NOT_A_MESSAGE,
  refuse,
} from '../wire/jsonrpc.ts'
import { createSessionId, isSessionId } from '../wire/session-id.ts'
import { usableMs } from '../wire/stream-lifetime.ts'
import { GET_STREAM_PREFIX, openGetStream } from './get-stream.ts'
import { idInFlight } from './in-flight.ts'
import { replayResponseStream } from './replay.ts'
import {
  BATCH_PROTOCOL_VERSION,
  checkHeaders,
  MAX_INITIALIZE_BYTES,
  refuseIdInFlight,
  refuseStream,
  SESSION_ID,
} from './requirements.ts'
import { createResponseStream } from './response-stream.ts'
import { createSessionTransport } from './transport.ts'

export interface SessionOptions extends DoorOptions {
  protocol: Protocol
  sessions: McpSessions
  eventStore: EventStore
  relay: Relay
  streams: OpenStreams
  /** Seconds between two heartbeats of a stream. */
  heartbeatSeconds: number
  /** Seconds without a response to a ping after which the stream of `GET /mcp` is closed. */
  idleTimeoutSeconds: number
  /** Whether clients may be notified of changes. */
  serverPush: boolean
}

const MAX_BATCH = 100

const SESSION_NOT_FOUND = -32_001

/**
 * Streamable HTTP with MCP sessions, up to protocol version 2025-11-25. Sessions live in the table.
 * Every request gets a new server, in any environment, that is restored from the session.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export function createMcpSessionRequests(options: SessionOptions) {
  const { protocol, registry, sessions, eventStore, relay } = options
  const { heartbeatSeconds, serverPush } = options

  return { handles, serve }

  /** Whether a request belongs to a session, or opens one. */
  function handles(request: Request, body: unknown): boolean {
    return request.headers.has(SESSION_ID) || (isRecord(body) && body['method'] === 'initialize')
  }

  async function serve(request: Request, body: unknown, exchange: Exchange): Promise<HttpResponse> {
    const id = request.headers.get(SESSION_ID)
    const refused = checkHeaders(request, id === null)
    if (refused) return refused
    if (id === null) return open(body, exchange)
    const lastEventId = request.headers.get('last-event-id')
    if (request.method === 'GET' && !serverPush && !isResponseEvent(lastEventId)) return noPush()
    const session = isSessionId(id) ? await sessions.get(id, exchange.caller.owner) : undefined
    if (!session) return refuse(404, SESSION_NOT_FOUND, NO_SESSION, body)
    if (request.method === 'DELETE') return close(session)
    if (request.method === 'GET') return stream(lastEventId, session, exchange)
    return receive(body, session, exchange)
  }

  async function open(body: unknown, exchange: Exchange): Promise<Response> {
    if (!isMessage(body)) return refuse(400, INVALID_REQUEST, NOT_A_MESSAGE, body)
    if (!isRequest(body))
      return refuse(400, INVALID_REQUEST, 'initialize is a request: give it an id')
    const params = JSON.stringify(body.params ?? {})
    if (Buffer.byteLength(params) > MAX_INITIALIZE_BYTES)
      return refuse(
        400,
        INVALID_PARAMS,
        `The params of initialize have more than ${MAX_INITIALIZE_BYTES} bytes: send a shorter clientInfo and fewer capabilities`,
        body,
      )
    const id = createSessionId()
    const { owner } = exchange.caller
    // Read first: the client is notified of what changes from now on.
    const registrations = serverPush ? (await registry.version()).registrations : ''
    const response = await initialize(body, id, exchange)
    if (!('result' in response)) return Response.json(response)
    await sessions.create({
      id,
      owner,
      initialize: params,
      protocolVersion: String(response.result['protocolVersion']),
      registrations,
    })
    return Response.json(response, { headers: { [SESSION_ID]: id } })
  }

  async function initialize(request: JSONRPCRequest, sessionId: string, exchange: Exchange) {
    const server = protocol.createServer(connectionOf(sessionId, exchange))
    try {
      return await new Promise<JSONRPCMessage>((resolve, reject) => {
        const transport = transportOf(exchange, async message => resolve(message))
        server.connect(transport).then(() => transport.receive(request), reject)
      })
    } finally {
      await server.close()
    }
  }

  async function close({ id }: McpSession): Promise<Response> {
    await sessions.remove(id)
    return new Response(null, { status: 200 })
  }

  async function stream(lastEventId: string | null, session: McpSession, exchange: Exchange) {
    const { requestId } = exchange
    const timeMs = usableMs(exchange.remaining())
    if (!isResponseEvent(lastEventId)) {
      const connection = connectionOf(session.id, exchange)
      const { id, owner } = session
      const slot = await options.streams.open({ owner, probe: { via: 'session', id }, timeMs })
      if (!slot) return refuseStream()
      const about = { session, connection, lastEventId, timeMs, requestId, slot }
      return openGetStream({ ...options, ...about })
    }
    const replay = { session, eventStore, heartbeatSeconds, timeMs, requestId }
    return (
      (await replayResponseStream(lastEventId, replay)) ??
      refuse(
        400,
        SERVER_ERROR,
        'Last-Event-ID is not of this session or has expired: send the request again',
      )
    )
  }

  async function receive(
    body: unknown,
    session: McpSession,
    exchange: Exchange,
  ): Promise<HttpResponse> {
    const isBatch = Array.isArray(body)
    const messages: unknown[] = isBatch ? body : [body]
    if (isBatch && session.protocolVersion !== BATCH_PROTOCOL_VERSION)
      return refuse(
        400,
        INVALID_REQUEST,
        `Protocol version ${session.protocolVersion} has no JSON-RPC batches: send one message per request`,
      )
    if (messages.length === 0 || messages.length > MAX_BATCH)
      return refuse(400, INVALID_REQUEST, `A batch has 1 to ${MAX_BATCH} messages`)
    if (!messages.every(isMessage)) return refuse(400, INVALID_REQUEST, NOT_A_MESSAGE, body)
    if (messages.some(it => 'method' in it && it.method === 'initialize'))
      return refuse(
        400,
        INVALID_REQUEST,
        'The session is already initialized: send initialize without a session id for a new one',
        body,
      )

    const requests = messages.filter(isRequest)
    const repeated = await idInFlight(requests, session, options)
    if (repeated !== undefined) return refuseIdInFlight([repeated])
    for (const message of messages)
      if (isResponse(message)) await passOn(message, session)
      else if ('method' in message && !isRequest(message)) await cancel(message, session, exchange)
    if (requests.length === 0) return new Response(null, { status: 202 })
    const [only] = isBatch ? [] : requests
    const isAdmitted =
      only !== undefined && (await admitAtDoor(only, exchange, options, session.id))
    return respond(requests, session, exchange, isAdmitted)
  }

  /**
   * Passes a response on to the environment whose server sent the request. Responses to unknown
   * request ids are dropped.
   */
  async function passOn(message: JsonRpcResponse, { owner }: McpSession) {
    const id = String(message.id)
    if (isSessionId(id)) await relay.post({ id, owner }, sentText(message))
  }

  /** Other notifications of a client need nothing done. */
  async function cancel(
    message: JSONRPCNotification,
    { id }: McpSession,
    { receivedAt }: Exchange,
  ) {
    const cancelled = cancelledIdOf(message)
    if (cancelled !== undefined) await sessions.cancel(id, cancelled, receivedAt)
  }

  async function respond(
    requests: JSONRPCRequest[],
    session: McpSession,
    exchange: Exchange,
    isAdmitted: boolean,
  ): Promise<HttpResponse> {
    const server = protocol.createServer(connectionOf(session.id, exchange, isAdmitted))
    const { requestId, receivedAt } = exchange
    const timeMs = usableMs(exchange.remaining())
    const about = { session, requests, requestId, receivedAt, timeMs }
    const stream = createResponseStream({ ...about, sessions, eventStore, heartbeatSeconds }, id =>
      transport.receive({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId: id },
      }),
    )
    const transport = transportOf(exchange, stream.send)
    void stream.ended.then(() => server.close())
    await server.connect(transport)
    await transport.restore(session)
    for (const request of requests) {
      await keepLogLevel(request, session)
      transport.receive(request)
    }
    return stream.response
  }

  async function keepLogLevel({ method, params }: JSONRPCRequest, { id }: McpSession) {
    const level = params?.['level']
    // The SDK refuses an unknown level, and the session keeps the level that it had.
    if (method === 'logging/setLevel' && isSpecType.LoggingLevel(level))
      await sessions.setLogLevel(id, level)
  }

  function transportOf(
    { caller: { owner }, requestId }: Exchange,
    send: (message: JSONRPCMessage) => Promise<void>,
  ) {
    return createSessionTransport({ relay, owner, heartbeatSeconds, requestId, send })
  }

  function connectionOf(
    sessionId: string,
    { caller, requestId, remaining, arrival }: Exchange,
    isAdmitted = false,
  ): SessionConnection {
    const timeMs = usableMs(remaining())
    return {
      transport: 'session',
      caller,
      requestId,
      arrival,
      sessionId,
      subscriptions: subscriptionsOf(sessionId),
      inputTimeoutMs: timeMs,
      deadline: AbortSignal.timeout(timeMs),
      isAdmitted,
    }
  }

  function subscriptionsOf(id: string): Subscriptions {
    return {
      async add(uri, updateToken) {
        if (!(await sessions.subscribe(id, uri, updateToken))) throw tooManySubscriptions()
      },
      remove: uri => sessions.unsubscribe(id, uri),
    }
  }
}

/** Whether the event came on the response to a request, which `GET /mcp` can resume. */
const isResponseEvent = (lastEventId: string | null): lastEventId is string =>
  lastEventId !== null && !lastEventId.startsWith(GET_STREAM_PREFIX)

/** 405 tells a client that there is no such stream. It goes on without one. */
function noPush(): Response {
  const response = refuse(405, SERVER_ERROR, NO_PUSH)
  response.headers.set('allow', 'POST, DELETE')
  return response
}

const NO_PUSH =
  'This gateway sends no notifications of changes: GET /mcp only resumes a response, with Last-Event-ID. The parameter ServerPush of the stack turns them on'

const NO_SESSION = 'There is no such session: initialize again, without a session id'
