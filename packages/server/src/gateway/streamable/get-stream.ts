import type { Caller } from '../../http/caller.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import type { Relay } from '../../session-table/relay.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { notifyOfChanges } from '../protocol/changes.ts'
import type { Protocol } from '../protocol/server.ts'
import { createEventStream } from '../wire/event-stream.ts'
import { sessionWire } from './transport.ts'

export interface ListenOptions {
  session: McpSession
  caller: Caller
  /** Of the event after which the client goes on, when it lost its stream. */
  lastEventId: string | null
  /** Milliseconds this environment has for it. */
  timeMs: number
  protocol: Protocol
  registry: CachedRegistry
  sessions: McpSessions
  relay: Relay
  heartbeatSeconds: number
  /** Seconds without an answer to a ping before the stream is closed. */
  idleTimeoutSeconds: number
}

const RETRY_MS = 1_000
/** From this revision on, clients understand an event that has an id and nothing to say. */
const PRIMING_SINCE = '2025-11-25'

/**
 * `GET /mcp`: what the server has to say by itself, for as long as the environment, the client and the session live.
 *
 * The id of an event is the state of things up to which everything has been told, so nothing has to be kept for a
 * client that lost its stream: what is different now is told again.
 */
export async function listen(options: ListenOptions): Promise<Response> {
  const { session, caller, protocol, registry, sessions, relay, idleTimeoutSeconds } = options
  const events = createEventStream()
  const hasPriming = session.protocolVersion >= PRIMING_SINCE
  const since = options.lastEventId?.slice(PREFIX.length)
  let told = since ?? ''
  let isFirst = true

  const wire = sessionWire({
    relay,
    owner: session.owner,
    send: message =>
      events.event({ id: PREFIX + told, name: 'message', data: JSON.stringify(message) }),
  })
  const server = protocol.createServer({ caller, sessionId: session.id })
  await server.connect(wire)
  await wire.replay(session)
  const stopWatching = notifyOfChanges(server, {
    registry,
    caller,
    since,
    // To a client without an id, what changed since it introduced itself is news.
    sinceRevision: session.registrations,
    subscriptions,
    onTold,
  })
  const idleMs = idleTimeoutSeconds * 1000
  const timers = [
    setInterval(() => void events.comment('ka').catch(end), options.heartbeatSeconds * 1000),
    // Lambda does not tell that a client hung up; one that does not answer has.
    setInterval(() => {
      server.request({ method: 'ping' }, { timeout: idleMs / 2 }).catch(end)
    }, idleMs / 2),
    setTimeout(end, options.timeMs),
  ]
  void events.closed.then(end)
  // Lambda sends the head of a response with the first byte of its body.
  void (hasPriming ? prime() : events.comment('ka').catch(end))
  return events.response

  /** Those the client came with, then read again each time: it subscribes, and ends its session, elsewhere. */
  async function subscriptions(): Promise<ReadonlyMap<string, string>> {
    const read = isFirst ? session : await sessions.get(session.id, session.owner)
    isFirst = false
    if (!read) end()
    return read?.subscriptions ?? new Map()
  }

  async function onTold(state: string) {
    told = state
    if (hasPriming) await prime()
  }

  async function prime() {
    await events.event({ id: PREFIX + told, data: '', retry: RETRY_MS }).catch(end)
  }

  function end() {
    stopWatching()
    for (const timer of timers) clearTimeout(timer)
    void server.close()
    void events.end().catch(() => {
      // It has ended, or the reader is gone.
    })
  }
}

/** Of the ids on this kind of stream. */
export const PREFIX = 'get.'
