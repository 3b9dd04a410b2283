import { ClientError } from '../errors.ts'
import { drain } from '../http/bodies.ts'
import { TEMPORARY } from '../http/temporary-failure.ts'
import { sleep } from '../http/timers.ts'
import { type JsonRpcMessage, requestIdOf } from '../jsonrpc.ts'
import { isCallLimit } from '../request/http-error.ts'
import type { Repetition } from '../request/send.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { SseSession, Target } from './session.ts'

interface PostOptions {
  message: JsonRpcMessage
  /** Limits all attempts together. */
  scope: AbortScope
  /** When it does, in milliseconds since 1970. No pause for a rate limit goes beyond it. */
  endsAt: number
  /** Whether the message waits until a new session is restored. */
  waits: boolean
  session: SseSession
  /** False for a request that was cancelled, or has its response. */
  isWanted(): boolean
  attempt(endpoint: URL, signal: AbortSignal, repetition: Repetition): Promise<Response>
}

/** A network that loses a request often does not say so. */
const ATTEMPT_MS = 10_000
const MAX_ATTEMPTS = 12
const MAX_DELAY_MS = 5_000

/**
 * Posts a message until the server has accepted it. In a session that recognizes repeated requests
 * it is posted again, with the same bytes and a new signature, when an attempt has no response or
 * fails. Elsewhere only after a refusal that says that it did not run.
 */
export async function postMessage(options: PostOptions): Promise<void> {
  const { message, scope, endsAt, waits, session, isWanted } = options
  const id = requestIdOf(message)
  let mayHaveRun = false
  for (let attempts = 1; ; attempts++) {
    const target = waits ? await session.ready(scope) : (session.target as Target)
    if (id !== undefined) session.markSent(id)
    try {
      return await attemptAt(target)
    } catch (error) {
      if (!(error instanceof ClientError) || scope.signal.aborted || !isWanted()) throw error
      if (!DID_NOT_RUN.has(error.code)) mayHaveRun = true
      else if (id !== undefined && !mayHaveRun) session.markRefused(id)
      if (attempts === MAX_ATTEMPTS || !target.canRepeat) throw error
      // The limit lasts for longer than there is time. A request that may have run is unknown.
      if (isCallLimit(error) && !mayHaveRun) throw error
      if (session.target !== target) continue // a new session has replaced that one
      if (error.code === 'session_not_found') await findSession(target, error)
      else if (!TEMPORARY.has(error.code)) throw error
      else await pause(error, attempts)
      if (!isWanted()) throw error
    }
  }

  async function attemptAt({ endpoint, canRepeat }: Target) {
    const attempt = session.attempt(scope)
    const late = `${endpoint.origin} did not accept the message in time`
    const limit = (ms: number) => (canRepeat ? attempt.limit(ms, late) : () => {})
    let stop = limit(ATTEMPT_MS)
    const mayPause = (pauseMs: number) => {
      if (Date.now() + pauseMs >= endsAt) return false
      stop()
      stop = limit(pauseMs + ATTEMPT_MS)
      return true
    }
    try {
      const response = await options.attempt(endpoint, attempt.signal, { isWanted, mayPause })
      // Not awaited: the server may hold the body open for minutes.
      void drain(response).finally(attempt.release)
    } catch (error) {
      attempt.release()
      throw error
    }
  }

  /** No session of this name: has the server another one for us by now? */
  async function findSession(target: Target, error: ClientError) {
    await session.check(target, scope)
    // The request may be of an attempt that had no response. Then it has an error by now.
    if (session.target === target) throw error
  }

  async function pause({ retryAfterMs = 0 }: ClientError, attempts: number) {
    const delay = Math.random() * Math.min(MAX_DELAY_MS, 150 * 2 ** (attempts - 1))
    const { signal } = scope
    await sleep(Math.min(retryAfterMs, MAX_DELAY_MS) + delay, { signal }).catch(() => {
      throw signal.reason
    })
  }
}

const DID_NOT_RUN = new Set(['rate_limited', 'session_not_found'])
