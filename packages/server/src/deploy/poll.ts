import { setTimeout as sleep } from 'node:timers/promises'

import { DeployError, toDeployError } from './errors.ts'

/**
 * Calls `look` every `pauseMs` until it returns a value. Rejects when `signal` aborts. A look that
 * AWS throttles is repeated: it says nothing of what is looked at.
 */
export async function poll<Value>(
  look: () => Promise<Value | undefined>,
  pauseMs: number,
  signal: AbortSignal | undefined,
): Promise<Value> {
  for (;;) {
    const value = await look().catch(unlessThrottled)
    if (value !== undefined) return value
    await sleep(pauseMs, undefined, { signal })
  }
}

function unlessThrottled(error: unknown): undefined {
  const known = toDeployError(error)
  if (!(known instanceof DeployError && known.code === 'rate_limited')) throw error
}
