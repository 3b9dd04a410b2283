import { setTimeout as sleep } from 'node:timers/promises'

import type { JSONRPCMessage, Server, Transport } from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'
import type { Arrival } from '../../http/service.ts'
import type { CachedRegistry } from '../../registry/cached.ts'
import {
  type OpenStream,
  PROBE_ANSWER_MS,
  PROBE_MESSAGE,
} from '../../session-table/open-streams.ts'
import type { Inbox } from '../../session-table/relay.ts'
import type { PrepareAnswer } from '../ordinary/answer.ts'
import { withExactArguments } from '../protocol/exact-arguments.ts'
import type { Protocol } from '../protocol/server.ts'
import { createSubscriptions } from '../protocol/subscriptions.ts'
import type { EventStream } from '../wire/event-stream.ts'
import { createStreamLifetime, type StreamEnd, usableMs } from '../wire/stream-lifetime.ts'
import { createLoggedOutbox, createOutbox } from './outbox.ts'
import type { Resumption } from './resumption.ts'
import { createSseTransport } from './transport.ts'

export interface SseStreamOptions {
  id: string
  caller: Caller
  requestId: string
  arrival: Arrival
  inbox: Inbox
  slot: OpenStream
  events: EventStream
  prepare: PrepareAnswer
  /** Loaded for the first request that is not ordinary. */
  protocol: () => Promise<Protocol>
  /** Set by a client that sent `initialize` in an earlier session. */
  protocolVersion: string | undefined
  registry: CachedRegistry
  /** Stands before `/message` in the event `endpoint`: empty, or a path such as `/prod`. */
  prefix: string
  heartbeatSeconds: number
  idleTimeoutSeconds: number
  /** Calls of functions that one stream runs at once. More wait. */
  maxCallsInFlight: number
  /** Whether the stream notifies its client of changes. */
  serverPush: boolean
  /** Milliseconds that are left of the environment's time. */
  timeMs: number
  /** Undefined where the session ends with its stream. */
  resumption: Resumption | undefined
}

type Reason = StreamEnd | 'failed'

interface Bye {
  reason: string
  retry: number
}

/**
 * The last event of a stream, for each reason to end it. `retry` is for clients that do not know
 * `bye`: they should open a new stream after so many milliseconds. A stream that has failed has
 * none, because after `bye` a client opens the next stream without a pause.
 */
const BYE: Partial<Record<Reason, Bye>> = {
  deadline: { reason: 'rotate', retry: 100 },
  idle: { reason: 'idle', retry: 5_000 },
  'lease-lost': { reason: 'superseded', retry: 5_000 },
}

/**
 * Before the time of the environment is over, the stream refuses messages and lets running calls
 * finish for at most this long.
 */
const HANDOVER_MS = 30_000
/** On a stream that another one replaces, or that fails, for at most this long. */
const LAST_CALLS_MS = 5_000
/** `retry` of a resumable session, in milliseconds: its client adds a pause after failures. */
const RESUME_MS = 100
/** A reader that takes nothing for this long does not get the last events. */
const LAST_EVENTS_MS = 2_000

/** Serves the stream of an SSE session, from the event `endpoint` to the end of the response. */
export function serveSseStream(options: SseStreamOptions): void {
  const { id, caller, requestId, inbox, slot, events, registry, timeMs } = options
  const { protocol, protocolVersion, heartbeatSeconds, idleTimeoutSeconds } = options
  const { prefix, maxCallsInFlight, resumption } = options
  const arrival = { ...options.arrival, at: undefined }
  const endsAt = Date.now() + usableMs(timeMs)
  const acceptingMs = timeMs - Math.min(HANDOVER_MS, timeMs / 3)
  const logged = resumption && loggedOutbox(resumption)
  const outbox = logged ?? createOutbox(id, events)
  const transport = createSseTransport({
    sessionId: id,
    outbox,
    maxCallsInFlight,
    prepare: options.prepare,
    // The stream fails the calls that outlive it.
    context: {
      caller,
      requestId,
      arrival,
      sessionId: id,
      isStateless: false,
      timeMs,
      countsForCaller: false,
    },
    connect,
    protocolVersion,
    ...(resumption && { resumed: whatWasSaid(resumption) }),
  })
  const subscriptions = createSubscriptions()
  resumption?.setOpenRequests(() => [...transport.openIds(), ...(logged?.unstored() ?? [])])

  const ended = new AbortController()
  const passingOn = new AbortController()
  let isPassingOn = false
  let server: Server | undefined
  let stopWatching = () => {}
  let isEnding = false

  const lifetime = createStreamLifetime({
    events,
    heartbeatSeconds,
    requestId,
    lease: { renew },
    idle: {
      timeoutSeconds: idleTimeoutSeconds,
      isBusy: () => isPassingOn || transport.isBusy(),
      ping: transport.ping,
    },
    timeMs: acceptingMs,
    onEnd: end,
  })
  const reading = read().catch(error => {
    logError('stream failed', error)
    end('failed')
  })

  async function read() {
    const data = `${prefix}/message?sessionId=${id}`
    const eventId = logged?.eventId() ?? `${id}.0`
    const retry = logged ? RESUME_MS : 1_000
    await events.event({ id: eventId, name: 'endpoint', data, retry })
    void passOnEarlier()
    if (options.serverPush) await watch()
    for await (const message of inbox.messages(ended.signal)) {
      if (message === PROBE_MESSAGE) {
        void probe()
        continue
      }
      lifetime.touch()
      // `POST /message` has checked it.
      const parsed = JSON.parse(message) as JSONRPCMessage
      withExactArguments(message, parsed, () => transport.receive(parsed, message))
      // Messages stay in the table while the client does not read what it gets.
      await outbox.drained()
    }
    // The session was ended, or a newer stream holds it.
    end('lease-lost')
  }

  async function passOnEarlier() {
    if (!resumption || !logged) return
    isPassingOn = true
    try {
      await resumption.passOnEarlier(logged, passingOn.signal)
    } catch (error) {
      logError('earlier streams not passed on', error)
      // The next stream passes them on, or its client gives up.
      end('failed')
    }
    isPassingOn = false
  }

  async function connect(to: Transport) {
    server = (await protocol()).createServer({
      transport: 'sse',
      caller,
      requestId,
      arrival,
      sessionId: id,
      subscriptions: resumption?.keeping(subscriptions) ?? subscriptions,
      inputTimeoutMs: acceptingMs,
    })
    await server.connect(to)
  }

  async function watch() {
    for (const [uri, token] of resumption?.restored?.subscriptions ?? [])
      await subscriptions.add(uri, token)
    await transport.connected()
    // Loaded here, because only environments with a stream need it: see lambda/wiring.ts.
    const { notifyOfChanges } = await import('../protocol/changes.ts')
    // The stream may have ended while the code was loading.
    if (isEnding || !server) return
    stopWatching = notifyOfChanges(server, {
      registry,
      caller,
      // What has changed between two streams is not known, so everything counts as changed.
      startingPoint: resumption?.restored
        ? { from: 'registry-version', registrations: '' }
        : { from: 'first-look' },
      subscriptions: async () => subscriptions.all,
    })
  }

  async function renew(): Promise<boolean> {
    const [isOpen] = await Promise.all([inbox.renew(), slot.renew(lifetime.signs())])
    return isOpen
  }

  /** The principal of the client has too many streams, and this one has been quiet for longest. */
  async function probe() {
    if (await lifetime.probe(PROBE_ANSWER_MS)) await slot.answer(lifetime.signs()).catch(ignore)
  }

  function end(reason: Reason) {
    if (isEnding) return
    isEnding = true
    void slot.close()
    lifetime.stop()
    stopWatching()
    close(reason).catch(error => logError('stream not ended in order', error))
  }

  async function close(reason: Reason) {
    try {
      if (resumption) return await leave(reason, resumption)
      // Refuses messages from now on, so that none is accepted and then not handled.
      await inbox.close().catch(error => {
        logError('inbox not closed', error)
        ended.abort()
      })
      // What was accepted before is handled, except where no one reads the responses.
      if (reason !== 'reader-gone') await before(lastCallsMs(reason), settled())
      const lastWords = transport.failOpen().then(() => sayBye(BYE[reason]))
      await before(LAST_EVENTS_MS, lastWords)
    } finally {
      ended.abort()
      await server?.close()
      if (!(await before(LAST_EVENTS_MS, events.end())))
        events.abort(new Error('The reader of the stream takes no more'))
    }
  }

  /**
   * The session goes on without this stream. What runs here is still answered, for the log: the
   * response stays open for it, because Lambda may stop an environment once its response has ended.
   */
  async function leave(reason: Reason, { held, close }: Resumption) {
    held.inbox.leave()
    passingOn.abort()
    void sayBye(BYE[reason])
    logged?.detach()
    const leftMs = Math.max(0, endsAt - Date.now())
    // The client of a session that was ended wants no results, and nothing more is run for it.
    const isEnded = held.inbox.isEnded()
    if (isEnded) ended.abort()
    await before(isEnded ? Math.min(leftMs, LAST_CALLS_MS) : leftMs, settled())
    await transport.failOpen()
    await close()
  }

  async function settled() {
    await reading
    await transport.allSettled()
  }

  async function sayBye(bye: Bye | undefined) {
    if (!bye) return
    const data = JSON.stringify({ reason: bye.reason })
    await events.event({ name: 'bye', data, retry: bye.retry })
  }

  function lastCallsMs(reason: Reason): number {
    const leftMs = Math.max(0, endsAt - Date.now())
    // A call that came while the stream was found idle is answered, however long it takes.
    const mayFinish = reason === 'deadline' || reason === 'idle'
    return mayFinish ? leftMs : Math.min(leftMs, LAST_CALLS_MS)
  }

  function logError(message: string, error: unknown) {
    log.error(message, { requestId, 'mcp.session.id': id, error: describe(error) })
  }

  function loggedOutbox({ held: { stream }, earlier, log }: Resumption) {
    return createLoggedOutbox({ sessionId: id, events, stream, earlier, log })
  }
}

function whatWasSaid({ restored, keepInitialize, keepLogLevel }: Resumption) {
  const initialize = restored && JSON.parse(restored.initialize)
  return { initialize, logLevel: restored?.logLevel, keepInitialize, keepLogLevel }
}

function ignore() {
  // The other environment gets no answer, and refuses its stream.
}

/** Whether the work is done within this time. */
async function before(ms: number, work: Promise<unknown>): Promise<boolean> {
  const over = new AbortController()
  const timeUp = sleep(ms, false, { signal: over.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), timeUp])
  } finally {
    over.abort()
  }
}
