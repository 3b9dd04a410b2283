import { randomBytes } from 'node:crypto'

import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import type { EventStore, EventWriter } from '../../session-table/event-store.ts'
import type { McpSession, McpSessions } from '../../session-table/sessions.ts'
import { createEventStream, type EventStream, eventResponse } from '../wire/event-stream.ts'
import { asRevisionSays, isReply, type Reply } from '../wire/jsonrpc.ts'

export interface AnswerOptions {
  session: McpSession
  /** What is to be answered, in one response. */
  requests: JSONRPCRequest[]
  sessions: McpSessions
  eventStore: EventStore
  heartbeatSeconds: number
}

export interface Answer {
  /** Resolves with the first event, or when that is not to be waited for any more. */
  response: Promise<Response>
  send(message: JSONRPCMessage): Promise<void>
  /** Settles when the response has ended; requests that were cancelled have no reply then. */
  ended: Promise<void>
}

/** What is answered within this time, without anything before it, is sent in one piece and needs no keeping. */
const QUIET_MS = 250
/** So often a request that runs is looked up among the cancelled ones. */
const CANCELLED_MS = 500
/** After which a client that lost the stream should ask for the rest. */
const RETRY_MS = 1_000
/** From this revision on, clients understand an event that has an id and nothing to say. */
const PRIMING_SINCE = '2025-11-25'

/**
 * The response to a client's requests, in a session: an event stream. What is sent on one that takes its time is kept,
 * so that a client that lost it can have the rest with `GET /mcp`, and while it is open the client can cancel, each in
 * whichever environment.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
export function createAnswer(
  { session, requests, sessions, eventStore, heartbeatSeconds }: AnswerOptions,
  onCancelled: (id: RequestId) => void,
): Answer {
  const open = new Map<RequestId, string>(requests.map(({ id, method }) => [id, method]))
  const replies: Reply[] = []
  let respond: (response: Response) => void
  const response = new Promise<Response>(resolve => {
    respond = resolve
  })
  let settle: () => void
  const ended = new Promise<void>(resolve => {
    settle = resolve
  })
  let stream: ReturnType<typeof begin> | undefined
  const impatience = setTimeout(upgrade, QUIET_MS)

  return { response, send, ended }

  async function send(message: JSONRPCMessage): Promise<void> {
    // What is said after the last reply has nobody to hear it.
    if (open.size === 0) return
    if (!isReply(message)) return upgrade().write(message)
    const method = open.get(message.id)
    // Cancelled by the client: a late result must not follow.
    if (method === undefined) return
    open.delete(message.id)
    const reply = asRevisionSays(message, method)
    if (stream) await stream.write(reply)
    else replies.push(reply)
    if (open.size === 0) await end()
  }

  function upgrade() {
    if (stream) return stream
    clearTimeout(impatience)
    stream = begin()
    for (const reply of replies) void stream.write(reply)
    return stream
  }

  function begin() {
    const name = randomBytes(12).toString('base64url')
    const events = createEventStream()
    const eventWriter = eventStore.open({ session: session.id, stream: name }, [...open.keys()])
    const write = writer(name, events, eventWriter)
    const timers = [
      setInterval(() => {
        void events.comment('ka').catch(() => {
          // The reader is gone.
        })
        void eventWriter.renew()
      }, heartbeatSeconds * 1000),
      setInterval(() => void findCancelled(), CANCELLED_MS),
    ]
    if (session.protocolVersion >= PRIMING_SINCE)
      void events.event({ id: `${name}.0`, data: '', retry: RETRY_MS }).catch(() => {
        // The reader is gone.
      })
    respond(events.response)
    return {
      write,
      async end() {
        for (const timer of timers) clearInterval(timer)
        await eventWriter.close()
        await events.end().catch(() => {
          // The reader is gone.
        })
      },
    }
  }

  async function findCancelled() {
    const cancelled = await sessions.cancelled(session.id).catch(() => {
      // The table is not readable just now: the next look decides.
      return []
    })
    const running = cancelled.filter(id => open.delete(id))
    for (const id of running) onCancelled(id)
    if (running.length > 0 && open.size === 0) await end()
  }

  async function end() {
    if (stream) await stream.end()
    else {
      clearTimeout(impatience)
      respond(eventResponse(replies.map(it => ({ name: 'message', data: JSON.stringify(it) }))))
    }
    settle()
  }
}

/** Keeps each message and sends it, in the order of the calls, at the reader's pace. */
function writer(name: string, events: EventStream, eventWriter: EventWriter) {
  let sequence = 0
  let isGone = false
  let last = Promise.resolve()

  return (message: JSONRPCMessage): Promise<void> => {
    last = last.then(() => write(message))
    return last
  }

  async function write(message: JSONRPCMessage) {
    const data = JSON.stringify(message)
    sequence += 1
    await eventWriter.add(data)
    if (isGone) return
    await events.event({ id: `${name}.${sequence}`, name: 'message', data }).catch(() => {
      // The reader is gone; it may ask for the rest.
      isGone = true
    })
  }
}
