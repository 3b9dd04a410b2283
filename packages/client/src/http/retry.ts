import { sleep } from './timers.ts'

export interface RetryOptions<Failure> {
  /** Milliseconds until the next attempt, or undefined to give up; `attempts` counts from 1. */
  delayAfter(error: Failure, attempts: number): number | undefined
  /** Ends the pause between two attempts; `retry` then rejects with an `AbortError`. */
  signal?: AbortSignal
  /** Asked after each pause. False gives up: the caller no longer needs the result. */
  isWanted?(): boolean
}

/**
 * Calls `attempt` until it resolves, or until `delayAfter` gives up: then rejects with its error.
 */
export async function retry<Result, Failure = unknown>(
  attempt: () => Promise<Result>,
  { delayAfter, signal, isWanted = () => true }: RetryOptions<Failure>,
): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      const delay = delayAfter(error as Failure, attempts)
      if (delay === undefined) throw error
      await sleep(delay, { signal })
      if (!isWanted()) throw error
    }
  }
}

/**
 * The `Retry-After` header in milliseconds; undefined where it is absent or invalid. It holds
 * seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')
  if (!value) return undefined
  const delay = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return Number.isNaN(delay) ? undefined : Math.max(0, delay)
}
