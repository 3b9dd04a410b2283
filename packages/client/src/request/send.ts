import { setTimeout as sleep } from 'node:timers/promises'

import { ClientError } from '../errors.ts'
import { type SigningOptions, signedFetch } from '../signing/signed-fetch.ts'
import { isRepeatable, type RequestKind, refusal } from './refusal.ts'

interface RequestInitWithSignal extends RequestInit {
  signal: AbortSignal
}

/**
 * Resolves with a 2xx answer. Anything else, a broken network included, rejects with a `ClientError`, or
 * with the reason of the signal, at once, whatever is being waited for.
 */
export type Send = (
  kind: RequestKind,
  url: URL,
  init: RequestInitWithSignal,
  /** Asked before another attempt: a request that was cancelled meanwhile must not run after all. */
  isWanted?: () => boolean,
) => Promise<Response>

/** Signed requests that wait for a rate limit, since what it refuses did not run, and for nothing else. */
export function createSend(options: SigningOptions): Send {
  const fetch = signedFetch(options)

  return async (kind, url, init, isWanted = () => true) =>
    unlessAborted(attempts(kind, url, init, isWanted), init.signal)

  async function attempts(...[kind, url, init, isWanted]: Required<Parameters<Send>>) {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(url, init).catch(error => {
        throw unreachable(`Could not reach ${url.origin}`, error, kind)
      })
      if (response.ok) return response
      const wait = retryDelay(response, attempt)
      const error = await refusal(response, kind, url, options)
      if (error.code !== 'rate_limited' || wait === undefined) throw error
      await sleep(wait, undefined, { signal: init.signal })
      if (!isWanted()) throw error
    }
  }
}

/** `promise`, or the signal's reason where that comes first: credentials know no signal. */
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

/** Milliseconds until the next attempt, or undefined where there should be none. */
function retryDelay({ headers }: Response, attempt: number): number | undefined {
  const asked = retryAfter(headers.get('retry-after'))
  if (attempt >= MAX_RETRIES || asked > MAX_DELAY_MS) return undefined
  return asked + Math.random() * Math.min(MAX_DELAY_MS, 150 * 2 ** attempt)
}

/** In milliseconds; the header holds seconds or a date. */
function retryAfter(value: string | null): number {
  if (!value) return 0
  const delay = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Math.max(delay || 0, 0)
}

/** What fetch and streams reject with says little; the system's error code is in the cause. */
export function unreachable(what: string, error: unknown, kind: RequestKind): ClientError {
  if (error instanceof ClientError) return error
  const { code, message } = toCause(error)
  return new ClientError('connection_failed', `${what}: ${code ?? message}`, {
    cause: error,
    retryable: isRepeatable(kind) || NEVER_LEFT.has(code ?? ''),
  })
}

function toCause(error: unknown): { code?: string; message: string } {
  if (!(error instanceof Error)) return { message: String(error) }
  return error.cause instanceof Error ? error.cause : error
}

/** Errors from before the first byte of a request. */
const NEVER_LEFT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])
