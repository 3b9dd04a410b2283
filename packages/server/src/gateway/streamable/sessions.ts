import { randomBytes } from 'node:crypto'

import {
  isInitializeRequest,
  isSpecType,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'

import type { Exchange } from '../../http/service.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { EventStore } from '../../session-table/event-store.ts'
import type { Relay } from '../../session-table/relay.ts'
import {
  MAX_SUBSCRIPTIONS,
  type McpSession,
  type McpSessions,
} from '../../session-table/sessions.ts'
import { invalid, type Protocol } from '../protocol/server.ts'
import type { Subscriptions } from '../protocol/subscriptions.ts'
import { isMessage, isReply, type Reply } from '../wire/jsonrpc.ts'
import { listen, PREFIX } from './get-stream.ts'
import { resumeAnswer } from './replay.ts'
import { createAnswer } from './response-stream.ts'
import { sessionWire } from './transport.ts'

export interface SessionOptions {
  protocol: Protocol
  registry: CachedRegistry
  sessions: McpSessions
  eventStore: EventStore
  relay: Relay
  /** Seconds between two heartbeats of a stream. */
  heartbeatSeconds: number
  /** Seconds without an answer to a ping before the stream of `GET /mcp` is closed. */
  idleTimeoutSeconds: number
}

/** An open stream ends as a response before the environment is killed. */
export const FAREWELL_MS = 5_000

const SESSION_ID = 'mcp-session-id'
/** The one revision that has JSON-RPC batches. */
export const WITH_BATCHES = '2025-03-26'
const MAX_BATCH = 100

/**
 * Streamable HTTP as the revisions up to 2025-11-25 have it, with sessions that live in the table: every request
 * meets a server of its own, in whichever environment, that is told what the client said when it introduced itself.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export function createSessions(options: SessionOptions) {
  const { protocol, registry, sessions, eventStore, relay, heartbeatSeconds } = options

  return { concerns, serve }

  /** A request of a session, or one that opens one. */
  function concerns(request: Request, body: unknown): boolean {
    return request.headers.has(SESSION_ID) || isInitializeRequest(body)
  }

  async function serve(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
    const id = request.headers.get(SESSION_ID)
    const refused = unacceptable(request, id === null)
    if (refused) return refused
    if (id === null) return open(body as JSONRPCRequest, exchange)
    const session = await find(id, exchange)
    if (!session) return refusal(404, -32_001, NO_SESSION, body)
    if (request.method === 'DELETE') return close(session)
    if (request.method === 'GET') return stream(request, session, exchange)
    return receive(body, session, exchange)
  }

  async function open(initialize: JSONRPCRequest, exchange: Exchange): Promise<Response> {
    const id = randomBytes(18).toString('base64url')
    const { caller } = exchange
    // What the client is told from now on is no news to it.
    const { registrations } = await registry.version()
    const reply = await introduce()
    if (!('result' in reply)) return Response.json(reply)
    await sessions.create({
      id,
      owner: caller.owner,
      initialize: JSON.stringify(initialize.params),
      protocolVersion: String(reply.result['protocolVersion']),
      registrations,
    })
    return Response.json(reply, { headers: { [SESSION_ID]: id } })

    async function introduce() {
      const server = protocol.createServer({ caller, sessionId: id })
      try {
        return await new Promise<JSONRPCMessage>((resolve, reject) => {
          const send = async (message: JSONRPCMessage) => resolve(message)
          const wire = sessionWire({ relay, owner: caller.owner, send })
          server.connect(wire).then(() => wire.receive(initialize), reject)
        })
      } finally {
        await server.close()
      }
    }
  }

  async function find(id: string, { caller }: Exchange): Promise<McpSession | undefined> {
    return /^[\w-]{22,64}$/.test(id) ? sessions.get(id, caller.owner) : undefined
  }

  async function close({ id }: McpSession): Promise<Response> {
    await sessions.remove(id)
    return new Response(null, { status: 200 })
  }

  async function stream(request: Request, session: McpSession, { caller, remaining }: Exchange) {
    const lastEventId = request.headers.get('last-event-id')
    const timeMs = Math.max(0, remaining() - FAREWELL_MS)
    if (lastEventId === null || lastEventId.startsWith(PREFIX))
      return listen({ ...options, session, caller, lastEventId, timeMs })
    const rest = await resumeAnswer(lastEventId, {
      session,
      eventStore,
      heartbeatSeconds,
      timeMs,
    })
    return (
      rest ??
      refusal(
        400,
        -32_000,
        'Last-Event-ID is not of this session, or of long ago: send the request again',
      )
    )
  }

  async function receive(
    body: unknown,
    session: McpSession,
    exchange: Exchange,
  ): Promise<Response> {
    const isBatch = Array.isArray(body)
    const messages = isBatch ? body : [body]
    if (isBatch && session.protocolVersion !== WITH_BATCHES)
      return refusal(
        400,
        -32_600,
        `RegistryVersion ${session.protocolVersion} has no JSON-RPC batches: send one message per request`,
      )
    if (messages.length === 0 || messages.length > MAX_BATCH)
      return refusal(400, -32_600, `A batch has 1 to ${MAX_BATCH} messages`)
    if (!messages.every(isMessage))
      return refusal(
        400,
        -32_600,
        'The body is not a JSON-RPC 2.0 request, notification or response',
        body,
      )
    if (messages.some(it => 'method' in it && it.method === 'initialize'))
      return refusal(
        400,
        -32_600,
        'The session is initialized already: initialize without a session id for another one',
        body,
      )

    const requests: JSONRPCRequest[] = []
    for (const message of messages)
      if (isReply(message)) await pass(message, session)
      else if ('id' in message) requests.push(message as JSONRPCRequest)
      else if ('method' in message) await heed(message, session)
    if (requests.length === 0) return new Response(null, { status: 202 })
    return answer(requests, session, exchange)
  }

  /** An answer to what a server asked, which waits in another environment. One nobody waits for is noise. */
  async function pass(message: Reply, { owner }: McpSession) {
    await relay.post({ id: String(message.id), owner }, JSON.stringify(message))
  }

  /** Of a client's notifications, the one that an environment waits for. */
  async function heed({ method, params }: JSONRPCNotification, { id }: McpSession) {
    const requestId = params?.['requestId']
    if (method !== 'notifications/cancelled') return
    if (typeof requestId === 'string' || typeof requestId === 'number')
      await sessions.cancel(id, requestId)
  }

  async function answer(
    requests: JSONRPCRequest[],
    session: McpSession,
    { caller, remaining }: Exchange,
  ): Promise<Response> {
    const timeMs = Math.max(0, remaining() - FAREWELL_MS)
    const conversation = {
      caller,
      sessionId: session.id,
      subscriptions: subscriptionsOf(session),
      deadline: AbortSignal.timeout(timeMs),
    }
    const server = protocol.createServer(conversation, timeMs)
    const it = createAnswer(
      { session, requests, sessions, eventStore, heartbeatSeconds },
      requestId =>
        wire.receive({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }),
    )
    const wire = sessionWire({ relay, owner: session.owner, send: it.send })
    void it.ended.then(() => server.close())
    await server.connect(wire)
    await wire.replay(session)
    for (const request of requests) {
      await keepLevel(request, session)
      wire.receive(request)
    }
    return it.response
  }

  async function keepLevel({ method, params }: JSONRPCRequest, { id }: McpSession) {
    const level = params?.['level']
    // A level that there is not is refused by the SDK, and leaves the one there was.
    if (method === 'logging/setLevel' && isSpecType.LoggingLevel(level))
      await sessions.setLogLevel(id, level)
  }

  function subscriptionsOf({ id }: McpSession): Subscriptions {
    return {
      async add(uri, mark) {
        if (!(await sessions.subscribe(id, uri, mark)))
          throw invalid(
            `A session has at most ${MAX_SUBSCRIPTIONS} subscriptions: unsubscribe first`,
          )
      },
      remove: uri => sessions.unsubscribe(id, uri),
    }
  }
}

const NO_SESSION = 'There is no such session: initialize again, without a session id'

/** What the transport asks of a request's headers, whatever is in it. */
function unacceptable({ method, headers }: Request, isFirst: boolean): Response | undefined {
  const version = headers.get('mcp-protocol-version')
  // Until a version is agreed on, the header says nothing.
  if (!isFirst && version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version))
    return refusal(
      400,
      -32_000,
      `Unsupported protocol version: ${version} (supported versions: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')})`,
    )
  const accept = headers.get('accept') ?? ''
  const wanted =
    { GET: ['text/event-stream'], POST: ['application/json', 'text/event-stream'] }[method] ?? []
  if (!wanted.every(it => accept.includes(it) || accept.includes('*/*')))
    return refusal(406, -32_000, `Not acceptable: send "accept: ${wanted.join(', ')}"`)
  return undefined
}

function refusal(status: number, code: number, message: string, body?: unknown): Response {
  const id = Object(body).id ?? null
  return Response.json({ jsonrpc: '2.0', id, error: { code, message } }, { status })
}
