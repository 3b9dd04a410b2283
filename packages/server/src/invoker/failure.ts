import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { cutText } from '../http/cut-text.ts'
import { retry } from '../retry.ts'
import type { FunctionRun } from './function-run.ts'

/**
 * A function failed or broke its calling contract. The message may be shown to the client, as in
 * `Outcome`. A long message is cut.
 */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'

  constructor(message: string) {
    super(cutText(message))
  }
}

/**
 * Pauses before a refused call is sent again. A refused call did not run; all other calls may have
 * run.
 */
const PAUSES_MS: Record<string, number[] | undefined> = {
  TooManyRequestsException: [100, 300, 900],
  // A new permission takes seconds to be effective:
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
  AccessDeniedException: [200, 400, 800, 1600, 3200],
}

/** Lambda's error for a call that it has throttled. */
export const THROTTLED = 'TooManyRequestsException'

/** A permission is effective by then, so waiting longer does not help. */
const FRESH_MS = 60_000

/** Sends a call again while Lambda refuses it for a reason that may pass. */
export function untilAccepted<Output>(
  send: () => Promise<Output>,
  { updatedAt }: Registration,
  signal: AbortSignal,
  run?: FunctionRun,
): Promise<Output> {
  return retry(send, pauseAfter, signal)

  function pauseAfter(error: unknown, failures: number): number | undefined {
    const { name } = error as Error
    if (name === THROTTLED) run?.throttled()
    const pause = Object.hasOwn(PAUSES_MS, name) ? PAUSES_MS[name]?.[failures - 1] : undefined
    const isFresh = Date.now() - Date.parse(updatedAt) < FRESH_MS
    if (pause === undefined || (name === 'AccessDeniedException' && !isFresh)) return undefined
    return pause * (0.5 + Math.random() / 2)
  }
}
