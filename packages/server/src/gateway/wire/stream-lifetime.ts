import type { EventStream } from './event-stream.ts'
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
  /** Seconds between two heartbeats, and between two renewals of the lease. */
  heartbeatSeconds: number
  /** Gets the heartbeats. Left out where the SDK writes the stream, with heartbeats of its own. */
  events?: EventStream
  /** Renewed for as long as the stream is open. */
  lease?: Lease
  /** Left out where a client need not show a sign of life. */
  idle?: IdleRule
  /** Milliseconds until the stream has to end. */
  timeMs?: number
  /** Called once at most, and not after `stop`. */
  onEnd?(reason: StreamEnd): void
}

/** A client is pinged after half of this time without a sign of life. */
interface IdleRule {
  timeoutSeconds: number
  /** Resolves when the client responds. */
  ping(timeoutMs: number): Promise<unknown>
}

export interface StreamLifetime {
  /** Records a sign of life of the client. */
  touch(): void
  /** Ends heartbeats, renewals and timers. */
  stop(): void
}

/**
 * Keeps an open stream alive and says when it has to end. Lambda never tells a function that its
 * client hung up, so heartbeats, leases and pings are all there is:
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/145
 */
export function createStreamLifetime(options: StreamLifetimeOptions): StreamLifetime {
  const { heartbeatSeconds, events, lease, idle, timeMs, onEnd } = options
  const heartbeatMs = heartbeatSeconds * 1000
  const stopped = new AbortController()
  let lastSignAt = Date.now()
  let isWriting = false

  if (events) every(heartbeatMs, () => void heartbeat(events))
  if (lease) onStop(keepLease(lease, heartbeatSeconds, () => end('lease-lost')))
  if (idle) {
    const timeoutMs = idle.timeoutSeconds * 1000
    every(Math.min(heartbeatMs, timeoutMs / 4), () => checkIdle(idle, timeoutMs))
  }
  if (timeMs !== undefined) {
    const deadline = setTimeout(() => end('deadline'), timeMs)
    onStop(() => clearTimeout(deadline))
  }
  events?.closed.addEventListener('abort', () => end('reader-gone'), { once: true })

  return { touch, stop }

  function touch() {
    lastSignAt = Date.now()
  }

  function stop() {
    stopped.abort()
  }

  function end(reason: StreamEnd) {
    if (stopped.signal.aborted) return
    stop()
    onEnd?.(reason)
  }

  /** A slow reader gets one heartbeat at a time. */
  async function heartbeat(events: EventStream) {
    if (isWriting) return
    isWriting = true
    await events.comment('ka')
    isWriting = false
  }

  function checkIdle({ ping }: IdleRule, timeoutMs: number) {
    const quietMs = Date.now() - lastSignAt
    if (quietMs >= timeoutMs) end('idle')
    // Repeated at every check: a single lost ping does not end the stream.
    else if (quietMs >= timeoutMs / 2)
      ping(timeoutMs / 2).then(touch, () => {
        // No response: the stream ends when the client stays quiet.
      })
  }

  function every(ms: number, act: () => void) {
    const timer = setInterval(act, ms)
    onStop(() => clearInterval(timer))
  }

  function onStop(act: () => void) {
    stopped.signal.addEventListener('abort', act, { once: true })
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
