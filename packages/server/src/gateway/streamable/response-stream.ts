import { randomBytes } from 'node:crypto'

import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import type { EventStore, EventWriter } from '../../session-table/event-store.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { createEventStream, type EventStream, eventResponse } from '../wire/event-stream.ts'
import { isResponse, type JsonRpcResponse, withEarlierErrorCode } from '../wire/jsonrpc.ts'
import { createStreamLifetime } from '../wire/stream-lifetime.ts'

export interface ResponseStreamOptions {
  session: McpSession
  /** The requests that one HTTP response responds to. */
  requests: JSONRPCRequest[]
  sessions: McpSessions
  eventStore: EventStore
  heartbeatSeconds: number
  /** The HTTP request, for the log. */
  requestId: string
}

export interface ResponseStream {
  /** Resolves with the first event, or after QUIET_MS. */
  response: Promise<Response>
  send(message: JSONRPCMessage): Promise<void>
  /** Resolves when the response has ended. Cancelled requests have no response then. */
  ended: Promise<void>
}

/** Responses that come within this time, with no message before them, are sent as one piece. */
const QUIET_MS = 250
/** Milliseconds between two looks for cancelled requests. */
const CANCELLED_MS = 500
/** Milliseconds after which a client that lost the stream should ask for the rest. */
const RETRY_MS = 1_000
/** From this protocol version on, clients understand an event that has an id and no data. */
const PRIMING_SINCE = '2025-11-25'

/**
 * The event stream that responds to a client's requests in an MCP session.
 *
 * The events of a longer stream are stored: a client that lost the stream gets the rest with
 * `GET /mcp`. While it is open, the client can cancel requests. Both work in any environment.
 * See "Resumability and Redelivery" in
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export function createResponseStream(
  { session, requests, sessions, eventStore, heartbeatSeconds, requestId }: ResponseStreamOptions,
  onCancelled: (id: RequestId) => void,
): ResponseStream {
  /** Requests without a response, with their methods. */
  const open = new Map<RequestId, string>(requests.map(({ id, method }) => [id, method]))
  const early: JsonRpcResponse[] = []
  let respond: (response: Response) => void
  const response = new Promise<Response>(resolve => {
    respond = resolve
  })
  let settle: () => void
  const ended = new Promise<void>(resolve => {
    settle = resolve
  })
  let stream: ReturnType<typeof begin> | undefined
  const quiet = setTimeout(upgrade, QUIET_MS)

  return { response, send, ended }

  async function send(message: JSONRPCMessage): Promise<void> {
    // A message after the last response is dropped.
    if (open.size === 0) return
    if (!isResponse(message)) return upgrade().write(message)
    const method = open.get(message.id)
    // The response to a cancelled request is dropped.
    if (method === undefined) return
    open.delete(message.id)
    const sent = withEarlierErrorCode(message, method)
    if (stream) await stream.write(sent)
    else early.push(sent)
    if (open.size === 0) await end()
  }

  function upgrade() {
    if (stream) return stream
    clearTimeout(quiet)
    stream = begin()
    for (const message of early) void stream.write(message)
    return stream
  }

  function begin() {
    const name = randomBytes(12).toString('base64url')
    const events = createEventStream()
    const eventWriter = eventStore.open({ session: session.id, stream: name }, [...open.keys()])
    const write = createStoringWriter(name, events, eventWriter)
    const lease = { renew: () => eventWriter.renew().then(() => true) }
    // The response goes on without its reader, who may ask for the rest.
    const lifetime = createStreamLifetime({ events, heartbeatSeconds, requestId, lease })
    const looking = setInterval(() => void findCancelled(), CANCELLED_MS)
    if (session.protocolVersion >= PRIMING_SINCE)
      void events.event({ id: `${name}.0`, data: '', retry: RETRY_MS })
    respond(events.response)
    return {
      write,
      async end() {
        lifetime.stop()
        clearInterval(looking)
        await eventWriter.close()
        await events.end()
      },
    }
  }

  async function findCancelled() {
    const cancelled = await sessions.cancelled(session.id).catch(() => {
      // The table cannot be read: the next look tries again.
      return []
    })
    const running = cancelled.filter(id => open.delete(id))
    for (const id of running) onCancelled(id)
    if (running.length > 0 && open.size === 0) await end()
  }

  async function end() {
    if (stream) await stream.end()
    else {
      clearTimeout(quiet)
      respond(eventResponse(early.map(it => ({ name: 'message', data: JSON.stringify(it) }))))
    }
    settle()
  }
}

/** Stores and sends each message, in the order of the calls, with the reader's back-pressure. */
function createStoringWriter(name: string, events: EventStream, eventWriter: EventWriter) {
  let sequence = 0
  let last = Promise.resolve()

  return (message: JSONRPCMessage): Promise<void> => {
    last = last.then(() => write(message))
    return last
  }

  async function write(message: JSONRPCMessage) {
    const data = JSON.stringify(message)
    sequence += 1
    await eventWriter.add(data)
    await events.event({ id: `${name}.${sequence}`, name: 'message', data })
  }
}
