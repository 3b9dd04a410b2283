import {
  isBeforeSending,
  networkFailure,
  retry,
  type SigningOptions,
  signedFetch,
} from '@markvp/mcp-lambda-sam-client/sigv4'

import { ADMIN_ERRORS, AdminError, type AdminErrorCode, errorWith } from './errors.ts'
import { isRecord } from './is-record.ts'
import { toAdminError } from './response-error.ts'

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: URL
  body?: unknown
  headers?: Record<string, string>
}

/** Sends a call and resolves with the JSON of the response. Rejects with an `AdminError`. */
export type Send = (call: Call) => Promise<unknown>

/** The function of the stack has a timeout of 120 seconds. */
const TIMEOUT_MS = 125_000
const ATTEMPTS = 3
const BASE_MS = 50
const THROTTLED_BASE_MS = 1_000
/** A caller that is asked for a longer pause comes back by itself. */
const MAX_PAUSE_MS = 20_000

/**
 * Repeats a call after 429, 5xx and network failures, up to three attempts in all, with full
 * jitter. Every call may run twice. An attempt without a proper response may have run all the
 * same; the next attempt then finds its work done:
 *
 * - DELETE gets a 404. That is the wanted state: success.
 * - PUT with If-Match gets a 412. Another writer can be the cause as well: the error says so.
 */
export function createSend(signing: SigningOptions): Send {
  const fetch = signedFetch(signing)

  return call => {
    let mayHaveRun = false

    const attempt = async () => {
      try {
        return await sendOnce(call)
      } catch (error) {
        if (!mayHaveRun || !(error instanceof AdminError)) throw error
        if (call.method === 'DELETE' && error.status === 404) return undefined
        throw error.status === 412 ? unclearMismatch(error) : error
      }
    }
    const delayAfter = (error: AdminError, attempts: number) => {
      const delay = retryDelay(error, attempts)
      if (delay !== undefined) mayHaveRun ||= error.status !== 429
      return delay
    }
    return retry(attempt, { delayAfter })
  }

  async function sendOnce(call: Call): Promise<unknown> {
    const { method, url, body, headers } = call
    let response: Response
    let text: string
    try {
      response = await fetch(url, {
        method,
        headers: { ...(body === undefined ? {} : JSON_BODY), ...headers },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      text = await response.text()
    } catch (cause) {
      throw toCallError(call, cause)
    }
    if (!response.ok)
      throw await toAdminError(response, text, { ...signing, url, isRepeatable: true })
    return parseBody(response, text, url)
  }
}

const JSON_BODY = { 'content-type': 'application/json' }

function parseBody({ status, headers }: Response, text: string, url: URL): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `${url.origin}${url.pathname} answered ${status} without JSON`
    const requestId = headers.get('x-amzn-requestid') ?? undefined
    throw new AdminError('invalid_response', message, { status, requestId, cause })
  }
}

/** Why there is no response: signing failed, with a code of its own, or the network did. */
function toCallError(call: Call, cause: unknown): AdminError {
  if (isSigningError(cause)) {
    // The hint of the signer names the URL of the gateway.
    const hint = cause.code === 'invalid_url' ? undefined : cause.hint
    return new AdminError(cause.code, cause.message, { status: cause.status, hint, cause })
  }
  const { method, url } = call
  const { code, message } = networkFailure(cause)
  const what = `${url.origin} did not respond to the ${method}: ${message}`
  const isUnknown = method !== 'GET' && !isBeforeSending(code)
  return new AdminError(
    'connection_failed',
    isUnknown ? `${what}; it is unknown whether the request ran` : what,
    { retryable: true, cause },
  )
}

/** `ClientError` of the signing package, which may be there twice. */
interface SigningError extends Error {
  code: AdminErrorCode
  hint: string
  status?: number
}

function isSigningError(error: unknown): error is SigningError {
  if (!(error instanceof Error && isRecord(error))) return false
  const { code, hint } = error
  return typeof hint === 'string' && typeof code === 'string' && code in ADMIN_ERRORS
}

/**
 * Milliseconds until the next attempt, or undefined to give up. What the server asks for goes
 * before full jitter:
 * https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export function retryDelay(
  { status, retryable, retryAfterMs }: AdminError,
  attempts: number,
): number | undefined {
  if (!retryable || attempts >= ATTEMPTS) return undefined
  const base = status === 429 ? THROTTLED_BASE_MS : BASE_MS
  const delay = retryAfterMs ?? Math.random() * base * 2 ** (attempts - 1)
  return delay > MAX_PAUSE_MS ? undefined : delay
}

const unclearMismatch = (error: AdminError) =>
  errorWith(error, {
    message: `${error.message}. An earlier attempt of this call got no response and may have made this change`,
    hint: 'Call get() and compare the registration with what you sent.',
  })
