import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import { describe } from '../../http/errors.ts'
import type { HttpResponse } from '../../http/http-request.ts'
import { log } from '../../http/log.ts'
import type { EventStore, EventWriter } from '../../session-table/event-store.ts'
import { type McpSession, type McpSessions, requestKey } from '../../session-table/sessions.ts'
import { callsFunction } from '../protocol/methods.ts'
import { createEventStream, type EventStream, eventResponse } from '../wire/event-stream.ts'
import { isResponse, withEarlierErrorCode } from '../wire/jsonrpc.ts'
import { messageText } from '../wire/message-text.ts'
import { createStreamLifetime } from '../wire/stream-lifetime.ts'
import { createStreamName, eventId, firstEventId } from './event-id.ts'
import { idInFlightError, refuseIdInFlight } from './requirements.ts'

export interface ResponseStreamOptions {
  session: McpSession
  /** The requests that one HTTP response responds to. */
  requests: Pick<JSONRPCRequest, 'id' | 'method'>[]
  sessions: McpSessions
  eventStore: EventStore
  heartbeatSeconds: number
  /** The HTTP request, for the log. */
  requestId: string
  /** When the HTTP request arrived, in milliseconds since 1970. */
  receivedAt: number
  /** Milliseconds that the environment has for the requests. */
  timeMs: number
}

export interface ResponseStream {
  /** Resolves with the first event, or after QUIET_MS. */
  response: Promise<HttpResponse>
  send(message: JSONRPCMessage): Promise<void>
  /** Sends the response to the request of this id, as JSON. */
  respond(id: RequestId, text: string): Promise<void>
  /** Resolves when the response has ended. Cancelled requests have no response then. */
  ended: Promise<void>
}

/** Responses that come within this time, with no message before them, are sent as one piece. */
const QUIET_MS = 250
/**
 * Calls that run for longer are recorded as in flight, which takes two writes: more than half of
 * what a call of a second costs. A call that the client repeats before that runs twice.
 */
const RECORD_MS = 1_200
/** Milliseconds between two looks for cancelled requests. */
const CANCELLED_MS = 1_000
/** From this protocol version on, clients understand an event that has an id and no data. */
const PRIMING_SINCE = '2025-11-25'

/**
 * The event stream that responds to a client's requests in an MCP session.
 *
 * The events of a longer stream are stored: a client that lost the stream gets the rest with
 * `GET /mcp`. While it is open, the client can cancel requests, and may not use their ids for other
 * requests. All this works in any environment. See "Resumability and Redelivery" in
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 *
 * What it writes to the session table, where nothing comes before the response:
 *
 *     0 s     nothing: the response is sent as one piece until 0.25 s
 *     0.25 s  the response only. The first event id tells when the stream began, which is its first
 *             lease, so a reader in another environment waits for the response
 *     1.2 s   the call is in flight. This is removed before the response is sent
 *     5 s     the lease, and again every five seconds
 *
 * A client before 2025-11-25 has no event id until a message comes, so its response is not stored.
 */
export function createResponseStream(
  options: ResponseStreamOptions,
  onCancelled: (id: RequestId) => void,
): ResponseStream {
  const { session, requests, sessions, eventStore, heartbeatSeconds, requestId } = options
  /** Requests without a response, with their methods. */
  const open = new Map<RequestId, string>(requests.map(({ id, method }) => [id, method]))
  /** Requests whose response is not written yet. */
  const unwritten = new Set(open.keys())
  /** Those of them whose response was handed to the writer. */
  const handed = new Set<RequestId>()
  const early: string[] = []
  let begun: (response: HttpResponse) => void
  const response = new Promise<HttpResponse>(resolve => {
    begun = resolve
  })
  let settle: () => void
  const ended = new Promise<void>(resolve => {
    settle = resolve
  })
  let stream: ReturnType<typeof begin> | undefined
  const quiet = setTimeout(() => upgrade({ isQuiet: true }), QUIET_MS)

  return { response, send, respond, ended }

  async function send(message: JSONRPCMessage): Promise<void> {
    // A message after the last response is dropped.
    if (open.size === 0) return
    if (!isResponse(message)) return upgrade({ isQuiet: false }).write(messageText(message))
    await respond(message.id, messageText(withEarlierErrorCode(message, open.get(message.id))))
  }

  async function respond(id: RequestId, text: string): Promise<void> {
    // The response to a cancelled request is dropped.
    if (!open.delete(id)) return
    if (stream) {
      // First, because the client may use the id again as soon as it has the response.
      await stream.finish([id])
      handed.add(id)
      const isLast = open.size === 0 && handed.size === unwritten.size
      await stream.write(text, isLast)
    } else early.push(text)
    await settled([id])
  }

  /** `isQuiet`: no message has come yet. */
  function upgrade({ isQuiet }: { isQuiet: boolean }) {
    if (stream) return stream
    clearTimeout(quiet)
    stream = begin([...open.keys()], isQuiet)
    for (const text of early) void stream.write(text)
    return stream
  }

  function begin(ids: RequestId[], isQuiet: boolean) {
    const name = createStreamName()
    const startedAt = Math.floor(Date.now() / 1_000)
    const events = createEventStream()
    const eventWriter = eventStore.open({ session: session.id, stream: name }, ids)
    const isPrimed = session.protocolVersion >= PRIMING_SINCE
    const writer = createStoringWriter(name, events, eventWriter, {
      isPrimed,
      beforeMessage: async () => void (await record()),
    })
    const lease = { renew: () => eventWriter.renew().then(() => true) }
    // The response goes on without its reader, who may ask for the rest.
    const lifetime = createStreamLifetime({ events, heartbeatSeconds, requestId, lease })
    const looking = setInterval(() => void findCancelled(), CANCELLED_MS)
    if (isPrimed) {
      const first = firstEventId(name, { startedAt, requests: ids })
      if (first === undefined) void eventWriter.renew()
      void events.event({ id: first ?? eventId(name, 0), data: '' })
    }
    const inFlight = { stream: name, startedAt, until: Date.now() + options.timeMs }
    const calls = ids.filter(id => callsFunction(open.get(id) ?? ''))
    let recorded: Promise<boolean> | undefined
    let recording: NodeJS.Timeout | undefined
    if (isQuiet) {
      recording = setTimeout(() => void record(), RECORD_MS - QUIET_MS)
      begun(events.response)
    } else void record()

    return {
      write: writer.write,
      /** Resolves when these requests are no longer in flight. */
      async finish(answered: RequestId[]) {
        const finished = answered.filter(id => calls.includes(id))
        if (finished.length > 0 && (await recorded))
          await sessions.finish(session.id, finished, inFlight).catch(logFailure)
      },
      async end() {
        stop()
        await writer.close()
        await events.end()
      },
    }

    /** False where another request with one of the ids is in flight. Then these are refused. */
    function record(): Promise<boolean> {
      if (recorded) return recorded
      recorded = recordInFlight()
      void recorded.then(isFirst =>
        isFirst || open.size === 0 ? begun(events.response) : refuse(),
      )
      return recorded
    }

    /** Other requests are short and change nothing, so they are not recorded. */
    async function recordInFlight(): Promise<boolean> {
      if (calls.length === 0) return true
      try {
        return await sessions.begin(session.id, calls, inFlight)
      } catch (error) {
        logFailure(error)
        return true
      }
    }

    function stop() {
      lifetime.stop()
      clearInterval(looking)
      clearTimeout(recording)
    }

    /** The other request goes on, and these do not. */
    async function refuse() {
      const refused = [...open.keys()]
      open.clear()
      unwritten.clear()
      stop()
      for (const id of refused) onCancelled(id)
      if (isQuiet) {
        for (const id of refused) {
          const error = idInFlightError()
          await writer.write(JSON.stringify({ jsonrpc: '2.0', id, error }))
        }
        await events.end()
      } else {
        begun(refuseIdInFlight(refused))
        events.abort(new Error('The requests were refused'))
      }
      void eventWriter.close()
      settle()
    }
  }

  async function findCancelled() {
    const cancelled = await sessions.cancelled(session.id).catch(() => {
      // The table cannot be read: the next look tries again.
      return new Map<string, number>()
    })
    // A cancellation that came before the request concerned an earlier request with the same id.
    const running = [...open.keys()].filter(id => {
      const at = cancelled.get(requestKey(id))
      return at !== undefined && at >= options.receivedAt
    })
    if (running.length === 0) return
    for (const id of running) {
      open.delete(id)
      onCancelled(id)
    }
    await stream?.finish(running)
    await settled(running)
  }

  async function settled(ids: RequestId[]) {
    for (const id of ids) {
      unwritten.delete(id)
      handed.delete(id)
    }
    if (unwritten.size > 0) return
    if (stream) await stream.end()
    else {
      clearTimeout(quiet)
      begun(eventResponse(early.map(data => ({ name: 'message', data }))))
    }
    settle()
  }

  function logFailure(error: unknown) {
    log.warn('requests in flight were not recorded', { requestId, error: describe(error) })
  }
}

interface StoringWriterOptions {
  /** Whether the client has an event id before any message. */
  isPrimed: boolean
  /** Awaited before the first message that is not the last one. */
  beforeMessage(): Promise<void>
}

/**
 * Stores and sends each message, in the order of the calls, with the reader's back-pressure. A last
 * message is stored only where the client has an event id that it can send back.
 */
function createStoringWriter(
  name: string,
  events: EventStream,
  eventWriter: EventWriter,
  { isPrimed, beforeMessage }: StoringWriterOptions,
) {
  let sequence = 0
  let last = Promise.resolve()
  let closing: Promise<void> | undefined

  return {
    /** `isLast`: no message follows. */
    write(text: string, isLast = false): Promise<void> {
      last = last.then(() => write(text, isLast))
      return last
    },
    close: () => closing ?? eventWriter.close(),
  }

  async function write(data: string, isLast: boolean) {
    const isResumable = isPrimed || sequence > 0
    if (!isLast && sequence === 0) await beforeMessage()
    sequence += 1
    if (!isLast) await eventWriter.add(data)
    else closing = isResumable ? eventWriter.close(data) : Promise.resolve()
    const id = isResumable || !isLast ? { id: eventId(name, sequence) } : undefined
    await events.event({ ...id, name: 'message', data })
  }
}
