import type { EventStream } from './event-stream.ts'
import { type IdleTimeoutOptions, startIdleTimeout } from './idle-timeout.ts'
import { sendKeepAlives } from './keep-alive.ts'
import { keepLease, type Lease } from './lease.ts'

/**
 * Why an open stream has to end:
 * `deadline`: the time of the environment is nearly over.
 * `idle`: the client shows no sign of life.
 * `lease-lost`: the session was closed.
 * `reader-gone`: the response can no longer be written.
 */
export type StreamEnd = 'deadline' | 'idle' | 'lease-lost' | 'reader-gone'

export interface StreamLifetimeOptions {
  /** Seconds between two keep-alive comments. A lease is renewed at least as often. */
  heartbeatSeconds: number
  /** The request that the stream responds to, for the log. */
  requestId: string
  /** Left out where the SDK writes the stream and its keep-alive comments. */
  events?: EventStream
  /** Renewed for as long as the stream is open. */
  lease?: Lease
  /** Left out where a client need not show a sign of life. */
  idle?: IdleTimeoutOptions
  /** Milliseconds until the stream has to end. */
  timeMs?: number
  /** Called once at most, and not after `stop`. */
  onEnd?(reason: StreamEnd): void
}

export interface StreamLifetime {
  /** Records a sign of life of the client. */
  touch(): void
  /** As in `IdleTimeout`. True where a client need not show a sign of life. */
  probe(timeoutMs: number): Promise<boolean>
  /** When the client showed its last sign of life, and whether it has an open call. */
  signs(): { lastSignAt: number; isBusy: boolean }
  /** Stops keep-alive comments, renewals and timers. */
  stop(): void
}

/** Keeps an open stream alive, and tells when it has to end. Every open stream has one. */
export function createStreamLifetime(options: StreamLifetimeOptions): StreamLifetime {
  const { heartbeatSeconds, requestId, events, lease, idle, timeMs, onEnd } = options
  const stopped = new AbortController()
  const openedAt = Date.now()
  const onStop = (stop: () => void) =>
    stopped.signal.addEventListener('abort', stop, { once: true })

  if (events) {
    onStop(sendKeepAlives(events, heartbeatSeconds))
    events.closed.addEventListener('abort', () => end('reader-gone'), { once: true })
  }
  if (lease) {
    const onLost = () => end('lease-lost')
    onStop(keepLease(lease, { heartbeatSeconds, requestId, onLost }))
  }
  const idleTimeout = idle && startIdleTimeout(idle, heartbeatSeconds, () => end('idle'))
  if (idleTimeout) onStop(idleTimeout.stop)
  if (timeMs !== undefined) {
    const deadline = setTimeout(() => end('deadline'), timeMs)
    onStop(() => clearTimeout(deadline))
  }

  return {
    touch: () => idleTimeout?.touch(),
    probe: async timeoutMs => idleTimeout?.probe(timeoutMs) ?? true,
    signs: () => idleTimeout?.signs() ?? { lastSignAt: openedAt, isBusy: false },
    stop,
  }

  function stop() {
    stopped.abort()
  }

  function end(reason: StreamEnd) {
    if (stopped.signal.aborted) return
    stop()
    onEnd?.(reason)
  }
}

/** Milliseconds kept at the end of an environment's time. */
const RESERVE_MS = 5_000

/**
 * The part of an environment's time that streams and function calls may use. The rest is kept to
 * end the response in order: at most a tenth.
 *
 * @param remainingMs milliseconds until Lambda stops the environment
 */
export const usableMs = (remainingMs: number) =>
  Math.max(0, Math.floor(remainingMs - Math.min(RESERVE_MS, remainingMs / 10)))
