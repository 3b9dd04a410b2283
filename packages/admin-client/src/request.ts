import { setTimeout as sleep } from 'node:timers/promises'

import { AdminError, type AdminErrorCode, toAdminError } from './errors.ts'

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: URL
  body?: unknown
  headers?: Record<string, string>
  /** Of a POST: does no harm when it is carried out twice. */
  repeatable?: boolean
}

/** The function of the stack is cut off after 30 seconds. */
const TIMEOUT_MS = 35_000
const ATTEMPTS = 3
const BASE_MS = 50
const THROTTLED_BASE_MS = 1_000
/** A server that wants a longer pause is for the caller to come back to. */
const MAX_PAUSE_MS = 20_000

/**
 * Sends a call and gives the JSON of the answer. After 429, 5xx and network failures it tries again, up to
 * three times in all and with full jitter, but no POST that registers: nobody could tell whether the first
 * attempt made the registration. Where an attempt that got no proper answer was carried out all the same, the next
 * one finds its work done:
 *
 * - DELETE then meets a 404, which is what was asked for: success.
 * - PUT with If-Match then meets a 412, which might as well be another writer's doing: an error that says so.
 */
export async function send(fetch: typeof globalThis.fetch, call: Call): Promise<unknown> {
  let unclear = false
  for (let attempt = 1; ; attempt++) {
    const outcome = await once(fetch, call)
    if ('json' in outcome) return outcome.json
    const { error, pause } = outcome
    if (unclear && call.method === 'DELETE' && error.status === 404) return undefined
    if (unclear && error.status === 412) throw unclearMismatch(error)
    if (!isRepeatable(call) || attempt === ATTEMPTS || !isTransient(error)) throw error
    const wait = pause ?? jitter(error, attempt)
    if (wait > MAX_PAUSE_MS) throw error
    unclear ||= error.status !== 429
    await sleep(wait)
  }
}

type Outcome = { json: unknown } | { error: AdminError; pause?: number | undefined }

async function once(fetch: typeof globalThis.fetch, call: Call): Promise<Outcome> {
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
    return { error: unanswered(call, cause) }
  }
  if (!response.ok) return { error: toAdminError(response, text), pause: pauseOf(response.headers) }
  try {
    return { json: text === '' ? undefined : JSON.parse(text) }
  } catch (cause) {
    const { status } = response
    const message = `${url.origin} answered ${status} without JSON: check that the URL is the RegistrationUrl of the stack`
    return { error: new AdminError('invalid_response', message, { status, cause }) }
  }
}

const JSON_BODY = { 'content-type': 'application/json' }

/** Why there is no answer: the signing function says it with a code of its own, the network does not. */
function unanswered({ method, url, repeatable }: Call, cause: unknown): AdminError {
  const { code, message } = cause as { code?: string; message?: string }
  const known = SIGNING.find(each => each === code)
  if (known) return new AdminError(known, String(message), { cause })
  const remedy = repeatable ? 'try again' : 'get the registration to see'
  const outcome = method === 'GET' ? '' : `; whether it was carried out is not known: ${remedy}`
  return new AdminError(
    'connection_failed',
    `${url.origin} did not answer the ${method}: ${reasonOf(cause)}${outcome}`,
    { cause },
  )
}

/** What fetch failed of: its own message never says, and that of several addresses tried is empty. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const { message: reason, code } = (cause ?? {}) as { message?: string; code?: string }
  return reason || code || message
}

const SIGNING = [
  'invalid_credentials',
  'invalid_url',
  'missing_region',
  'redirect_refused',
] as const satisfies AdminErrorCode[]

const isRepeatable = ({ method, repeatable }: Call) => method !== 'POST' || repeatable

const isTransient = ({ code, status = 0 }: AdminError) =>
  code === 'connection_failed' || status === 429 || status >= 500

/** https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/ */
function jitter({ status }: AdminError, attempt: number): number {
  const base = status === 429 ? THROTTLED_BASE_MS : BASE_MS
  return Math.random() * base * 2 ** (attempt - 1)
}

/** Retry-After in milliseconds: seconds, or a date (RFC 9110, 10.2.3). */
function pauseOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const pause = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(pause) ? undefined : Math.max(0, pause)
}

function unclearMismatch({ code, message, status, requestId }: AdminError): AdminError {
  return new AdminError(
    code,
    `${message}. An earlier attempt of this call got no answer and may be what changed it: get the registration and compare`,
    { status, requestId },
  )
}
