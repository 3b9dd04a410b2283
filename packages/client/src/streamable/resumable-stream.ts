import type { EventSourceMessage } from 'eventsource-parser'

import { ClientError } from '../errors.ts'
import { reconnectDelay } from '../http/backoff.ts'
import { readEvents } from '../http/event-stream.ts'
import { STREAM_TEMPORARY } from '../http/temporary-failure.ts'
import { sleep } from '../http/timers.ts'
import { toConnectionError } from '../request/send.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import { type Origin, type PendingRequests, runHandler } from '../transport/pending-requests.ts'

export type Body = ReadableStream<Uint8Array>

/** An event stream of the protocol, which may take several connections. */
export interface ResumableStream extends Origin {
  readonly signal: AbortSignal
  lastEventId?: string | undefined
  /** The delay that the server asks for before the next connection, in milliseconds. */
  retryMs?: number
  onEventId?: ((id: string) => void) | undefined
  onEvent?: () => void
  /** No further message is expected. */
  isOver(): boolean
  canResume(): boolean
  /** How many connections in a row may fail. */
  attempts: number
}

interface StreamReaderOptions {
  pending: PendingRequests
  heartbeatTimeoutMs: number
  /** Opens a connection with the events after `lastEventId`. */
  open(stream: ResumableStream, scope: AbortScope): Promise<Body>
}

/**
 * Reads a connection of a stream and the connections that resume it. Resolves with the reason why
 * it cannot be resumed, or with undefined when it is over or aborted. Never rejects.
 */
export type ReadStream = (stream: ResumableStream, body?: Body) => Promise<ClientError | undefined>

export function createStreamReader({
  pending,
  heartbeatTimeoutMs,
  open,
}: StreamReaderOptions): ReadStream {
  return async (stream, body) => {
    let failures = 0
    for (let connection = body; ; connection = undefined) {
      const { reason, wasUseful } = await readConnection(stream, connection)
      failures = wasUseful ? 0 : failures + 1
      if (isOver(stream)) return undefined
      if (!isTemporary(reason) || !stream.canResume() || failures > stream.attempts) return reason
      const delay = reconnectDelay(failures, stream.retryMs)
      await sleep(delay, { signal: stream.signal }).catch(() => {}) // see isOver
      if (isOver(stream)) return undefined
    }
  }

  /** Reads one connection, and opens it where it is not open yet. */
  async function readConnection(stream: ResumableStream, connection?: Body): Promise<Ending> {
    const scope = pending.scope(stream.signal)
    let wasUseful = false
    let openedAt = Number.POSITIVE_INFINITY
    const ending = (reason: ClientError) => ({
      reason,
      wasUseful: wasUseful || Date.now() - openedAt >= STABLE_MS,
    })
    try {
      const body = connection ?? (await open(stream, scope))
      openedAt = Date.now()
      await readEvents(body, {
        heartbeatTimeoutMs,
        onRetry: milliseconds => {
          stream.retryMs = milliseconds
        },
        onEvent: event => {
          if (receive(event, stream)) wasUseful = true
        },
      })
      return ending(new ClientError('connection_closed', 'The server ended the event stream'))
    } catch (error) {
      return ending(toConnectionError('The event stream broke off', error, 'stream'))
    } finally {
      scope.release()
    }
  }

  /** Returns whether the event carried a message. */
  function receive({ id, event = 'message', data }: EventSourceMessage, stream: ResumableStream) {
    if (stream.signal.aborted) return false
    // An event without data carries only its id.
    const isMessage = event === 'message' && data !== ''
    if (isMessage) pending.deliver(data, stream)
    // After the delivery: the id acknowledges every event up to this one.
    if (id) {
      // A header cannot hold another id, so the stream cannot be resumed after it.
      stream.lastEventId = HEADER_TEXT.test(id) ? id : undefined
      runHandler(() => stream.onEventId?.(id))
    }
    stream.onEvent?.()
    return isMessage
  }
}

interface Ending {
  reason: ClientError
  /** The connection carried a message or lasted: the server works. */
  wasUseful: boolean
}

const STABLE_MS = 5_000
const HEADER_TEXT = /^[\x20-\x7e]*$/

const isOver = (stream: ResumableStream) => stream.signal.aborted || stream.isOver()

// 409: the server has not yet noticed that the previous connection is gone.
const isTemporary = ({ code, status }: ClientError) => STREAM_TEMPORARY.has(code) || status === 409
