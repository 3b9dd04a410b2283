import { setTimeout as sleep } from 'node:timers/promises'

import type { EventSourceMessage } from 'eventsource-parser'
import { ClientError } from '../errors.ts'
import { reconnectDelay } from '../http/backoff.ts'
import { readEvents } from '../http/event-stream.ts'
import { toConnectionError } from '../request/send.ts'
import type { Task } from '../transport/abort-scope.ts'
import { notify, type Origin, type Session } from '../transport/pending-requests.ts'

export type Body = ReadableStream<Uint8Array>

/** A stream as the protocol sees it; it may take several connections. */
export interface EventStream extends Origin {
  readonly signal: AbortSignal
  lastEventId?: string | undefined
  /** Asked for by the server, in milliseconds. */
  retryMs?: number
  onEventId?: ((id: string) => void) | undefined
  onEvent?: () => void
  /** Nothing more is expected of it. */
  isOver(): boolean
  canResume(): boolean
  /** How many connections in a row may come to nothing. */
  attempts: number
}

interface ReaderOptions {
  session: Session
  heartbeatTimeoutMs: number
  /** Asks for what follows `lastEventId`. */
  open(stream: EventStream, task: Task): Promise<Body>
}

/**
 * Reads a connection of a stream, and those that continue it. Resolves with why it cannot go on, or with
 * nothing when it is over or aborted; never rejects.
 */
export type ReadStream = (stream: EventStream, body?: Body) => Promise<ClientError | undefined>

export function createReader({ session, heartbeatTimeoutMs, open }: ReaderOptions): ReadStream {
  return async (stream, body) => {
    let failures = 0
    for (let connection = body; ; connection = undefined) {
      const { reason, wasUseful } = await read(stream, connection)
      failures = wasUseful ? 0 : failures + 1
      if (isOver(stream)) return undefined
      if (!mayReturn(reason) || !stream.canResume() || failures > stream.attempts) return reason
      // What a request waits for keeps the process alive, what a server may have to say does not.
      const ref = Number.isFinite(stream.attempts)
      const delay = reconnectDelay(failures, stream.retryMs)
      await sleep(delay, undefined, { signal: stream.signal, ref }).catch(() => {}) // see isOver
      if (isOver(stream)) return undefined
    }
  }

  /** One connection, opened here unless it is there already. */
  async function read(stream: EventStream, connection?: Body): Promise<Reading> {
    const task = session.task(stream.signal)
    let wasUseful = false
    let begin = Number.POSITIVE_INFINITY
    const end = (reason: ClientError) => ({
      reason,
      wasUseful: wasUseful || Date.now() - begin >= STABLE_MS,
    })
    try {
      const body = connection ?? (await open(stream, task))
      begin = Date.now()
      await readEvents(body, {
        heartbeatTimeoutMs,
        onRetry: milliseconds => {
          stream.retryMs = milliseconds
        },
        onEvent: event => {
          if (receive(event, stream)) wasUseful = true
        },
      })
      return end(new ClientError('connection_closed', 'The server ended the event stream'))
    } catch (error) {
      return end(toConnectionError('The event stream broke off', error, 'stream'))
    } finally {
      task.release()
    }
  }

  /** Whether it was a message. */
  function receive({ id, event = 'message', data }: EventSourceMessage, stream: EventStream) {
    if (stream.signal.aborted) return false
    // An event without data is there for its id alone.
    const isMessage = event === 'message' && data !== ''
    if (isMessage) session.deliver(data, stream)
    // Only now: an id says that everything up to it has been dealt with.
    if (id) {
      stream.lastEventId = id
      notify(() => stream.onEventId?.(id))
    }
    stream.onEvent?.()
    return isMessage
  }
}

interface Reading {
  reason: ClientError
  /** It brought a message, or lasted: the server is well. */
  wasUseful: boolean
}

const STABLE_MS = 5_000

const isOver = (stream: EventStream) => stream.signal.aborted || stream.isOver()

// 409: the server has not noticed yet that the connection before this one is gone.
const mayReturn = ({ code, status }: ClientError) => RETURNING.has(code) || status === 409

const RETURNING = new Set([
  'connection_closed',
  'connection_failed',
  'rate_limited',
  'server_error',
  'timeout',
])
