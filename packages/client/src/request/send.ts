import { ClientError, type ClientErrorCode } from '../errors.ts'
import { causeOf, isBeforeSending, networkFailure } from '../http/network-failure.ts'
import { retry } from '../http/retry.ts'
import { unlessAborted } from '../http/unless-aborted.ts'
import { type SigningOptions, signedFetch } from '../signing/signed-fetch.ts'
import { callLimitPause } from './call-limit.ts'
import { isCallLimit, isRepeatable, type RequestKind, readHttpError } from './http-error.ts'

interface RequestInitWithSignal extends RequestInit {
  signal: AbortSignal
}

export interface SendingOptions extends SigningOptions {
  /**
   * Called before each pause after a refusal, such as a rate limit. The request is sent again after
   * it.
   */
  onPause?: (refusal: ClientError, pauseMs: number) => void
}

export interface Repetition {
  /** Asked before each repetition. A request that was cancelled during the pause must not run. */
  isWanted?: () => boolean
  /** Asked before each pause for a limit of the gateway. False gives up. */
  mayPause?: (pauseMs: number) => boolean
}

/**
 * Resolves with a 2xx response. Rejects with a `ClientError` for any other response and for a
 * network failure, and with the reason of the signal as soon as it is aborted.
 */
export type Send = (
  kind: RequestKind,
  url: URL,
  init: RequestInitWithSignal,
  repetition?: Repetition,
) => Promise<Response>

/** Sends signed requests. Repeats only those that were refused before they ran. */
export function createSend(options: SendingOptions): Send {
  const fetch = signedFetch(options)

  return async (kind, url, init, { isWanted = () => true, mayPause = () => true } = {}) => {
    const attempt = async () => {
      const response = await fetch(url, init).catch(error => {
        throw toConnectionError(`Could not reach ${url.origin}`, error, kind)
      })
      if (response.ok) return response
      throw await readHttpError(response, kind, url, options)
    }
    const { signal } = init
    const startedAt = Date.now()
    const delayAfter = (error: ClientError, attempts: number) => {
      const delay = pauseAfter(error, attempts, Date.now() - startedAt)
      if (delay === undefined || (isCallLimit(error) && !mayPause(delay))) return undefined
      options.onPause?.(error, delay)
      return delay
    }
    return unlessAborted(retry(attempt, { delayAfter, signal, isWanted }), signal)
  }
}

const MAX_RETRIES = 6
const MAX_DELAY_MS = 10_000

/** The codes of refusals that say that the request did not run. */
const DID_NOT_RUN: string[] = ['rate_limited', 'service_unavailable'] satisfies ClientErrorCode[]

/** `waitedMs`: since the first attempt. The signal of the request may end the pause before. */
function pauseAfter(error: ClientError, attempts: number, waitedMs: number): number | undefined {
  const { code, retryAfterMs = 0 } = error
  if (isCallLimit(error)) return callLimitPause(error, waitedMs)
  if (!DID_NOT_RUN.includes(code) || attempts > MAX_RETRIES || retryAfterMs > MAX_DELAY_MS)
    return undefined
  return retryAfterMs + Math.random() * Math.min(MAX_DELAY_MS, 150 * 2 ** (attempts - 1))
}

export function toConnectionError(what: string, error: unknown, kind: RequestKind): ClientError {
  if (error instanceof ClientError) return error
  const { code, message } = networkFailure(error)
  return new ClientError('connection_failed', `${what}: ${code ?? message}`, {
    cause: causeOf(error),
    retryable: isRepeatable(kind) || isBeforeSending(code),
  })
}
