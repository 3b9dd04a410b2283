import { setTimeout as sleep } from 'node:timers/promises'

/** Calls `look` every `pauseMs` until it returns a value. Rejects when `signal` aborts. */
export async function poll<Value>(
  look: () => Promise<Value | undefined>,
  pauseMs: number,
  signal: AbortSignal | undefined,
): Promise<Value> {
  for (;;) {
    const value = await look()
    if (value !== undefined) return value
    await sleep(pauseMs, undefined, { signal })
  }
}
