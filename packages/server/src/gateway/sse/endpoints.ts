import { randomBytes } from 'node:crypto'
import { GatewayError } from '../../http/errors.ts'
import { readJson } from '../../http/json-body.ts'
import type { Exchange } from '../../http/service.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { Protocol } from '../protocol/server.ts'
import { createEventStream } from '../wire/event-stream.ts'
import { assertMessage } from '../wire/jsonrpc.ts'
import { keepAlive } from './stream.ts'

export interface SseOptions {
  /** Loaded by the environment that opens a stream, and by no other. */
  protocol: () => Promise<Protocol>
  registry: CachedRegistry
  relay: Relay
  /** Seconds between two heartbeats, and without a sign of life before a stream is closed. */
  heartbeatSeconds: number
  idleTimeoutSeconds: number
}

/**
 * The HTTP+SSE transport of revision 2024-11-05 for an environment that holds the stream and others that
 * receive the messages: https://modelcontextprotocol.io/specification/2024-11-05/basic/transports
 */
export function createSse(options: SseOptions) {
  const { relay } = options

  return {
    /** `GET /sse`: opens a session and its stream, which this environment serves until it ends. */
    async open(request: Request, { caller, remaining }: Exchange): Promise<Response> {
      const id = randomBytes(18).toString('base64url')
      const inbox = await relay.open({ id, owner: caller.owner })
      const events = createEventStream()
      const protocolVersion = request.headers.get('mcp-protocol-version') ?? undefined
      keepAlive({ ...options, id, caller, inbox, events, protocolVersion, remaining })
      return events.response
    },

    /** `POST /message?sessionId=`: accepted once it is durable; the answer comes on the stream. */
    async post(request: Request, { caller }: Exchange): Promise<Response> {
      const id = new URL(request.url).searchParams.get('sessionId')
      if (!id)
        throw new GatewayError(
          'bad_request',
          'Give the session: POST /message?sessionId=…, as the event "endpoint" of GET /sse says',
        )
      const { value, text } = await readJson(request)
      assertMessage(value)
      const accepted =
        /^[\w-]{22,64}$/.test(id) && (await relay.post({ id, owner: caller.owner }, text))
      if (!accepted)
        throw new GatewayError(
          'session_not_found',
          'There is no such session: open a new one with GET /sse',
        )
      // Some clients wait for the end of the body, and an empty one may never leave Lambda.
      return new Response('Accepted', { status: 202, headers: { 'content-type': 'text/plain' } })
    },
  }
}
