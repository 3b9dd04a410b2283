import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import type { HttpResponse } from '../../http/http-request.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import { type OpenStream, PROBE_ANSWER_MS } from '../../session-table/open-streams.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { notifyOfChanges } from '../protocol/changes.ts'
import type { SessionConnection } from '../protocol/connection.ts'
import { pingClient } from '../protocol/ping.ts'
import type { Protocol } from '../protocol/server.ts'
import { createEventStream } from '../wire/event-stream.ts'
import { messageText } from '../wire/message-text.ts'
import { createStreamLifetime } from '../wire/stream-lifetime.ts'
import { createSessionTransport } from './transport.ts'

export interface GetStreamOptions {
  session: McpSession
  connection: SessionConnection
  /** The last event that the client received on its previous stream. */
  lastEventId: string | null
  /** Milliseconds that the stream may take. */
  timeMs: number
  requestId: string
  protocol: Protocol
  registry: CachedRegistry
  sessions: McpSessions
  relay: Relay
  slot: OpenStream
  heartbeatSeconds: number
  /** Seconds without a response to a ping after which the stream is closed. */
  idleTimeoutSeconds: number
}

/** Milliseconds after which a client that lost the stream should open a new one. */
const RETRY_MS = 1_000
/** The session is read at every fourth look for changes, which costs five cents a month. */
const LOOKS_PER_READ = 4
/** From this protocol version on, clients understand an event that has an id and no data. */
const PRIMING_SINCE = '2025-11-25'

/** Event ids on this kind of stream start with it. */
export const GET_STREAM_PREFIX = 'get.'

/**
 * `GET /mcp`: the stream for notifications that belong to no request.
 *
 * The id of an event is the state up to which all changes were reported. Nothing is kept for a
 * client that lost its stream: what differs from that state is reported on its next stream.
 */
export async function openGetStream(options: GetStreamOptions): Promise<HttpResponse> {
  const { session, connection, lastEventId, protocol, registry, sessions } = options
  const { idleTimeoutSeconds, heartbeatSeconds, requestId, slot } = options
  const events = createEventStream()
  const hasPriming = session.protocolVersion >= PRIMING_SINCE
  let reported = lastEventId?.slice(GET_STREAM_PREFIX.length) ?? ''
  let known: McpSession = session
  let looks = 0
  let { probedAt } = session

  const send = (message: JSONRPCMessage) =>
    events.event({
      id: GET_STREAM_PREFIX + reported,
      name: 'message',
      data: messageText(message),
    })
  const transport = createSessionTransport({ ...options, owner: session.owner, send })
  const server = protocol.createServer(connection)
  await server.connect(transport)
  await transport.restore(session)
  const lifetime = createStreamLifetime({
    events,
    heartbeatSeconds,
    requestId,
    lease: { renew: () => slot.renew(lifetime.signs()).then(() => true) },
    idle: {
      timeoutSeconds: idleTimeoutSeconds,
      ping: timeout => pingClient(server, timeout),
      hasOpenCall: async () => hasRequestInFlight(await sessions.get(session.id, session.owner)),
    },
    timeMs: options.timeMs,
    onEnd: end,
  })
  const stopWatching = notifyOfChanges(server, {
    registry,
    caller: connection.caller,
    startingPoint:
      lastEventId === null
        ? { from: 'registry-version', registrations: session.registrations }
        : { from: 'reported-state', state: reported },
    subscriptions,
    onReported,
  })
  // Lambda sends the head of a response with the first byte of its body.
  void (hasPriming ? prime() : events.comment('ka'))
  return events.response

  /** Read again and again: the client subscribes and ends its session in other environments. */
  async function subscriptions(isUpdated = false): Promise<ReadonlyMap<string, string>> {
    const isDue = isUpdated || looks % LOOKS_PER_READ === LOOKS_PER_READ - 1
    if (!isUpdated) looks += 1
    const { id, owner } = session
    const current = isDue ? await sessions.get(id, owner, { isConsistent: isUpdated }) : known
    if (!current) end()
    else {
      known = current
      // A client that waits for a response is alive, even if it does not respond to pings.
      if (isDue && hasRequestInFlight(current)) lifetime.touch()
    }
    if (current) answerProbe(current)
    return current?.subscriptions ?? new Map()
  }

  /** The principal of the client has too many streams, and this one has been quiet for longest. */
  function answerProbe(current: McpSession) {
    if (current.probedAt === probedAt) return
    probedAt = current.probedAt
    void answer().catch(() => {
      // The other environment gets no answer, and refuses its stream.
    })

    async function answer() {
      if (await lifetime.probe(PROBE_ANSWER_MS)) await slot.answer(lifetime.signs())
    }
  }

  async function onReported(state: string) {
    reported = state
    if (hasPriming) await prime()
  }

  function prime() {
    return events.event({ id: GET_STREAM_PREFIX + reported, data: '', retry: RETRY_MS })
  }

  function end() {
    lifetime.stop()
    stopWatching()
    void server.close()
    void slot.close().then(events.end)
  }
}

const hasRequestInFlight = (session: McpSession | undefined) =>
  [...(session?.inFlight.values() ?? [])].some(({ until }) => until > Date.now())
