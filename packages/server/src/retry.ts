import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `attempt` until it succeeds. `pauseAfter` gets the error and how many attempts have failed,
 * and gives the milliseconds to wait before the next attempt; where it gives undefined, the error
 * is thrown. An abort of `signal` ends the wait with its reason.
 */
export async function retry<Value>(
  attempt: () => Promise<Value>,
  pauseAfter: (error: unknown, failures: number) => number | undefined,
  signal?: AbortSignal,
): Promise<Value> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (error) {
      const pauseMs = pauseAfter(error, failures)
      if (pauseMs === undefined) throw error
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
