import { ClientError } from '../errors.ts'
import { retry } from '../http/retry.ts'
import { type SigningOptions, signedFetch } from '../signing/signed-fetch.ts'
import { type HttpError, isRepeatable, type RequestKind, readHttpError } from './http-error.ts'

interface RequestInitWithSignal extends RequestInit {
  signal: AbortSignal
}

/**
 * Resolves with a 2xx response. Rejects with a `ClientError` for any other response and for a network
 * failure, and with the reason of the signal as soon as it is aborted.
 */
export type Send = (
  kind: RequestKind,
  url: URL,
  init: RequestInitWithSignal,
  /** Asked before each repetition. A request that was cancelled during the pause must not run. */
  isWanted?: () => boolean,
) => Promise<Response>

/** Sends signed requests. Repeats only those that a rate limit refused, since they did not run. */
export function createSend(options: SigningOptions): Send {
  const fetch = signedFetch(options)

  return async (kind, url, init, isWanted) => {
    let failure: Partial<HttpError> = {}
    const attempt = async () => {
      failure = {}
      const response = await fetch(url, init).catch(error => {
        throw toConnectionError(`Could not reach ${url.origin}`, error, kind)
      })
      if (response.ok) return response
      failure = await readHttpError(response, kind, url, options)
      throw failure.error
    }
    const delayAfter = (_: unknown, attempts: number) =>
      failure.error?.code === 'rate_limited'
        ? retryDelay(failure.retryAfterMs, attempts)
        : undefined
    const attempts = retry(attempt, {
      delayAfter,
      signal: init.signal,
      ...(isWanted && { isWanted }),
    })
    return unlessAborted(attempts, init.signal)
  }
}

/** `promise`, or the signal's reason where that comes first: credentials take no signal. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

const MAX_RETRIES = 6
const MAX_DELAY_MS = 10_000

/** Milliseconds until the next attempt, or undefined to give up. */
function retryDelay(askedMs = 0, attempts: number): number | undefined {
  if (attempts > MAX_RETRIES || askedMs > MAX_DELAY_MS) return undefined
  return askedMs + Math.random() * Math.min(MAX_DELAY_MS, 150 * 2 ** (attempts - 1))
}

/** The messages of fetch and of streams say little; the error code of the system is in the cause. */
export function toConnectionError(what: string, error: unknown, kind: RequestKind): ClientError {
  if (error instanceof ClientError) return error
  const { code, message } = systemError(error)
  return new ClientError('connection_failed', `${what}: ${code ?? message}`, {
    cause: error,
    retryable: isRepeatable(kind) || (code !== undefined && BEFORE_SENDING.has(code)),
  })
}

function systemError(error: unknown): { code?: string; message: string } {
  if (!(error instanceof Error)) return { message: String(error) }
  const { message, code }: Error & { code?: unknown } =
    error.cause instanceof Error ? error.cause : error
  return { message, ...(typeof code === 'string' && { code }) }
}

/** Errors that occur before the first byte of a request is sent. */
const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
