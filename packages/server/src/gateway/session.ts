import { randomBytes } from 'node:crypto'

import {
  isInitializeRequest,
  type JSONRPCMessage,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'

import { MAX_BODY_BYTES } from '../body.ts'
import type { Exchange } from '../lambda/handler.ts'
import type { Catalogue } from '../registry/catalogue.ts'
import type { Relay } from '../relay/relay.ts'
import type { Introduction, Sessions } from '../relay/sessions.ts'
import { notifyOfLists } from './lists.ts'
import type { Protocol } from './protocol.ts'
import { sessionWire } from './wire.ts'

export interface SessionOptions {
  protocol: Protocol
  catalogue: Catalogue
  sessions: Sessions
  relay: Relay
  /** Seconds without an answer to a ping before the stream of `GET /mcp` is closed. */
  idleTimeoutSeconds: number
}

/** An open stream ends as a response before the environment is killed. */
const FAREWELL_MS = 5_000

const SESSION_ID = 'mcp-session-id'

/**
 * Streamable HTTP as the revisions up to 2025-11-25 have it, with sessions that live in the table: every request
 * meets a server of its own, in whichever environment, that is told what the client said when it introduced itself.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
export function createSessions({
  protocol,
  catalogue,
  sessions,
  relay,
  idleTimeoutSeconds,
}: SessionOptions) {
  return { concerns, serve }

  /** A request of a session, or one that opens one. */
  function concerns(request: Request, body: unknown): boolean {
    return request.headers.has(SESSION_ID) || isInitializeRequest(body)
  }

  async function serve(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
    const id = request.headers.get(SESSION_ID)
    if (id === null) return open(request, body, exchange)
    const session = await find(id, exchange)
    if (!session) return notFound(body)
    if (request.method === 'DELETE') return close(session)
    if (request.method === 'GET') return listen(request, session, exchange)
    if (isAnswer(body)) return pass(body, session)
    if (isMessage(body, 'logging/setLevel')) await keepLevel(session, body)
    return run(request, body, session, exchange)
  }

  async function open(request: Request, body: unknown, exchange: Exchange): Promise<Response> {
    const id = randomBytes(18).toString('base64url')
    const { owner } = exchange.caller
    const { transport, server } = serverFor(id, exchange)
    await server.connect(transport)
    const response = await transport.handleRequest(request, { parsedBody: body })
    if (!response.ok) return response
    const { params } = body as { params: unknown }
    await sessions.create({ id, owner, initialize: JSON.stringify(params) })
    response.headers.set(SESSION_ID, id)
    return response
  }

  async function find(id: string, { caller }: Exchange): Promise<Introduction | undefined> {
    return /^[\w-]{22,64}$/.test(id) ? sessions.get(id, caller.owner) : undefined
  }

  /** An answer to what a server asked, which waits in another environment. One nobody waits for is noise. */
  async function pass(body: unknown, { owner }: Introduction): Promise<Response> {
    const answers = (Array.isArray(body) ? body : [body]) as { id: unknown }[]
    for (const answer of answers)
      await relay.post({ id: String(answer.id), owner }, JSON.stringify(answer))
    return new Response(null, { status: 202 })
  }

  async function keepLevel({ id }: Introduction, { params }: { params?: { level?: unknown } }) {
    if (typeof params?.level === 'string') await sessions.setLogLevel(id, params.level)
  }

  async function close({ id }: Introduction): Promise<Response> {
    await sessions.remove(id)
    return new Response(null, { status: 200 })
  }

  async function run(request: Request, body: unknown, session: Introduction, exchange: Exchange) {
    const { transport } = await resumed(session, exchange)
    return transport.handleRequest(request, { parsedBody: body })
  }

  /** `GET /mcp`: what the server has to say by itself, for as long as the environment and the client live. */
  async function listen(
    request: Request,
    session: Introduction,
    exchange: Exchange,
  ): Promise<Response> {
    const { server, transport } = await resumed(session, exchange)
    const response = await transport.handleRequest(request)
    if (!response.ok) return response
    const stopWatching = notifyOfLists(server, catalogue, exchange.caller)
    const idleMs = idleTimeoutSeconds * 1000
    // Lambda does not tell that a client hung up; one that does not answer has.
    const pings = setInterval(() => {
      server.request({ method: 'ping' }, { timeout: idleMs / 2 }).catch(() => server.close())
    }, idleMs / 2)
    const timeUp = setTimeout(
      () => void server.close(),
      Math.max(0, exchange.remaining() - FAREWELL_MS),
    )
    const { onclose } = server
    server.onclose = () => {
      stopWatching()
      clearInterval(pings)
      clearTimeout(timeUp)
      onclose?.()
    }
    return response
  }

  async function resumed(session: Introduction, exchange: Exchange) {
    const { transport, server } = serverFor(session.id, exchange)
    const wire = sessionWire(transport, relay, session.owner)
    await server.connect(wire)
    await wire.replay(session)
    return { transport, server }
  }

  function serverFor(id: string, { caller, remaining }: Exchange) {
    const server = protocol.createServer(caller, id, remaining() - FAREWELL_MS)
    // The session is ours; to the SDK each exchange stands alone.
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: undefined,
      maxRequestBodySize: MAX_BODY_BYTES,
    })
    return { server, transport }
  }
}

function notFound(body: unknown): Response {
  const id = (body as { id?: unknown } | null | undefined)?.id ?? null
  const message = 'There is no such session: initialize again, without a session id'
  return Response.json({ jsonrpc: '2.0', id, error: { code: -32_001, message } }, { status: 404 })
}

const isMessage = (body: unknown, method: string): body is { params?: { level?: unknown } } =>
  typeof body === 'object' && body !== null && (body as { method?: unknown }).method === method

const isAnswer = (body: unknown): boolean =>
  Array.isArray(body)
    ? body.length > 0 && body.every(isAnswer)
    : typeof body === 'object' &&
      body !== null &&
      !('method' in (body as JSONRPCMessage)) &&
      'id' in body
