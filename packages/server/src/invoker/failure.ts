import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { isRecord } from '../is-record.ts'
import { retry } from '../retry.ts'

/**
 * A function failed or broke its calling contract. The message may be shown to the client, as in
 * `Outcome`.
 */
export class FunctionFailure extends Error {
  override readonly name = 'FunctionFailure'
}

/**
 * The message for the error that the Lambda runtime returns for a function, `{errorType,
 * errorMessage, trace}`. The trace is left out: it is in the function's own log.
 */
export function failureMessage(payload: string): string {
  const { errorType, errorMessage } = parseError(payload)
  const reason = withoutRequestId(errorMessage)
  const isTimeout =
    /^(Sandbox\.Timedout|Runtime\.TimeoutError)$/.test(errorType) ||
    /Task timed out/.test(errorMessage)
  if (isTimeout) return `The function timed out. ${reason}`.trim()
  const detail = [errorType, reason].filter(Boolean).join(': ')
  return `The function failed${detail ? ` with ${detail}` : ''}`
}

/**
 * Both are empty where the runtime could not report an error, for example because its process died.
 */
function parseError(payload: string): { errorType: string; errorMessage: string } {
  let error: unknown
  try {
    error = JSON.parse(payload)
  } catch {
    // Not JSON: the runtime could not report an error.
  }
  const text = (value: unknown) => String(value ?? '')
  if (!isRecord(error)) return { errorType: '', errorMessage: '' }
  return { errorType: text(error['errorType']), errorMessage: text(error['errorMessage']) }
}

const withoutRequestId = (message: string) =>
  message.replace(/(?:\S+ )?RequestId: \S+ (?:Error: )?/, '')

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

/** A permission is effective by then, so waiting longer does not help. */
const FRESH_MS = 60_000

/** Sends a call again while Lambda refuses it for a reason that may pass. */
export function untilAccepted<Output>(
  send: () => Promise<Output>,
  { updatedAt }: Registration,
  signal: AbortSignal,
): Promise<Output> {
  return retry(send, pauseAfter, signal)

  function pauseAfter(error: unknown, failures: number): number | undefined {
    const { name } = error as Error
    const pause = Object.hasOwn(PAUSES_MS, name) ? PAUSES_MS[name]?.[failures - 1] : undefined
    const isFresh = Date.now() - Date.parse(updatedAt) < FRESH_MS
    if (pause === undefined || (name === 'AccessDeniedException' && !isFresh)) return undefined
    return pause * (0.5 + Math.random() / 2)
  }
}

/**
 * The message for a call that Lambda refused or that did not reach Lambda. The full reason is for
 * the administrator and goes to the log.
 */
export function notInvokedMessage(error: unknown, { id, lambdaArn }: Registration): string {
  const name = error instanceof Error ? error.name : String(error)
  log.error('invoker: the function was not invoked', { id, lambdaArn, error: describe(error) })
  return REFUSALS[name] ?? `The function could not be invoked (${name})`
}

const TOO_LARGE = 'The arguments are larger than 6 MB, the limit of a Lambda function: send less'

const REFUSALS: Record<string, string> = {
  AccessDeniedException:
    'The gateway may not invoke this function. An administrator has to repair the registration: that grants the permission or says why it cannot',
  ResourceNotFoundException:
    'This function does not exist any more. An administrator has to register another function',
  TooManyRequestsException:
    'Lambda throttled the call, so the function did not run. Try again later',
  RequestTooLargeException: TOO_LARGE,
  RequestEntityTooLargeException: TOO_LARGE,
}
