import type { RequestId } from '@modelcontextprotocol/server'

import type { EventStore, EventWriter } from '../../session-table/event-store.ts'
import type { HeldSession, ResumableSessions } from '../../session-table/resumable-sessions.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { type Subscriptions, tooManySubscriptions } from '../protocol/subscriptions.ts'
import { keepLease } from '../wire/lease.ts'
import { isLogLevel } from '../wire/log-levels.ts'
import { type Cursor, createResumableId, parseEventId } from './event-id.ts'
import type { LoggedOutbox } from './outbox.ts'

export interface ResumptionOptions {
  resumableSessions: ResumableSessions
  /** Keep what a client said in `initialize`, its log level and its subscriptions. */
  sessions: McpSessions
  eventStore: EventStore
  heartbeatSeconds: number
}

/** What a stream needs so that its session can be resumed: docs/resume-protocol.md. */
export interface Resumption {
  id: string
  held: HeldSession
  log: EventWriter
  /** How far the client has read the earlier streams that may have more for it. */
  earlier: Cursor
  /** What the client said on an earlier stream. Undefined before it has said anything. */
  restored: McpSession | undefined
  /** The requests that this stream has taken and whose responses are not stored. */
  setOpenRequests(open: () => RequestId[]): void
  /** Keeps the params of `initialize` for later streams. */
  keepInitialize(params: unknown): Promise<void>
  keepLogLevel(level: unknown): Promise<void>
  /** Keeps the subscriptions of `memory` for later streams, too. */
  keeping(memory: Subscriptions): Subscriptions
  /** Passes on what earlier streams answer. Resolves when nothing more is to come from them. */
  passOnEarlier(outbox: LoggedOutbox, signal: AbortSignal): Promise<void>
  /** All that this stream sends is in the log. */
  close(): Promise<void>
}

/**
 * Opens the session of a client that announces resumption, or takes over the one whose event it
 * names, where that is its own and has not expired.
 */
export async function openResumption(
  { resumableSessions, sessions, eventStore, heartbeatSeconds }: ResumptionOptions,
  { owner, lastEventId, requestId }: { owner: string; lastEventId?: string; requestId: string },
): Promise<Resumption> {
  let openRequests = (): RequestId[] => []
  const open = () => openRequests()
  const last = parseEventId(lastEventId)
  const resumed = last && (await resumableSessions.resume({ id: last.session, owner }, open))
  const id = resumed && last ? last.session : createResumableId()
  const held = resumed ?? (await resumableSessions.open({ id, owner }, open))
  const earlier = resumed && last ? earlierStreams(held, last.cursor) : new Map()
  const kept = stateKey(id)
  const log = eventStore.open({ session: id, stream: String(held.stream) }, [])
  // The lease is written before a request is taken: the next stream looks for it.
  const [restored] = await Promise.all([resumed && sessions.get(kept, owner), log.renew()])
  const lease = { renew: () => log.renew().then(() => true) }
  const stopRenewing = keepLease(lease, { heartbeatSeconds, requestId })
  let isKept = restored !== undefined

  return {
    id,
    held,
    log,
    earlier,
    restored,
    setOpenRequests(given) {
      openRequests = given
    },
    async keepInitialize(params) {
      const initialize = JSON.stringify(params ?? {})
      if (Buffer.byteLength(initialize) > MAX_INITIALIZE_BYTES) return
      // The protocol version and the registrations are not asked for.
      const state = { protocolVersion: '', registrations: '' }
      await sessions.create({ id: kept, owner, initialize, ...state })
      isKept = true
    },
    async keepLogLevel(level) {
      if (isKept && isLogLevel(level)) await sessions.setLogLevel(kept, level)
    },
    keeping: memory => ({
      async add(uri, updateToken) {
        await memory.add(uri, updateToken)
        if (isKept && !(await sessions.subscribe(kept, uri, updateToken)))
          throw tooManySubscriptions()
      },
      async remove(uri) {
        await memory.remove(uri)
        if (isKept) await sessions.unsubscribe(kept, uri)
      },
    }),
    async passOnEarlier(outbox, signal) {
      if (earlier.size === 0) return
      // Most streams are the first of their session, so INIT does not load it.
      const { passOnEarlierStreams } = await import('./earlier-streams.ts')
      await passOnEarlierStreams({
        sessionId: id,
        eventStore,
        outbox,
        earlier,
        openBefore: held.openBefore,
        signal,
        onPassed: stream => held.inbox.forget(stream),
      })
    },
    async close() {
      await log.close()
      stopRenewing()
    },
  }
}

/**
 * The earlier streams that may have more for the client: those of its last event, and newer ones
 * that took requests. An older one that the event does not name has answered everything.
 */
function earlierStreams({ stream, openBefore, inbox }: HeldSession, cursor: Cursor): Cursor {
  const newest = Math.max(...cursor.keys())
  const earlier: Cursor = new Map([...cursor].filter(([it]) => it < stream))
  for (const it of openBefore.keys())
    if (it > newest) earlier.set(it, 0)
    else if (!cursor.has(it)) inbox.forget(it)
  return earlier
}

/** No client can send it as the id of an MCP session. */
const stateKey = (id: string) => `sse.${id}`

/** The same as for Streamable HTTP. */
const MAX_INITIALIZE_BYTES = 64 * 1024
