import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { AwsError } from '../aws/aws-error.ts'
import { cutText } from '../http/cut-text.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { isRecord } from '../is-record.ts'
import { memberText } from '../json/member-text.ts'
import { THROTTLED } from './failure.ts'
import type { FunctionRun } from './function-run.ts'

/**
 * The message for the error that the Lambda runtime returns for a function, `{errorType,
 * errorMessage, trace}`. The trace is left out: it is in the function's own log.
 */
export function failureMessage(payload: string): string {
  const { errorType, errorMessage } = parseError(payload)
  const reason = withoutRequestId(errorMessage)
  const detail = [errorType, reason].filter(Boolean).join(': ')
  return cutText(sentence())

  function sentence() {
    if (TIMED_OUT.test(errorType) || reason.startsWith('Task timed out'))
      return `The function timed out. ${reason}`.trim()
    if (KILLED.test(detail))
      return `The function was killed, probably because it ran out of memory. ${detail}`
    return `The function failed${detail ? ` with ${detail}` : ''}`
  }
}

const TIMED_OUT = /^(Sandbox\.Timedout|(Runtime|Function)\.Time(d)?out(Error)?)$/i
const KILLED = /^Runtime\.OutOfMemory|^Runtime\.ExitError: .*signal: (killed|SIGKILL)$/

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
  if (!isRecord(error)) return { errorType: '', errorMessage: '' }
  const text = (name: string) => {
    const value = error[name] ?? ''
    return cutText(typeof value === 'string' ? value : (memberText(payload, name) ?? ''))
  }
  return { errorType: text('errorType'), errorMessage: text('errorMessage') }
}

/**
 * Lambda writes `RequestId: <id> Error: Task timed out after 3.00 seconds`, and before 2025 `<time>
 * <id> Task timed out after 3.00 seconds`.
 */
const withoutRequestId = (message: string) =>
  message
    .replace(/^(?:\S{1,40} )?RequestId: \S{1,64} (?:Error: )?/, '')
    .replace(/^\S{1,40} [\w-]{36} (?=Task timed out)/, '')

/**
 * The message for a call that Lambda refused, that did not reach Lambda, or to which Lambda did not
 * respond. The full reason is for the administrator and goes to the log.
 */
export function notInvokedMessage(
  error: unknown,
  { id, lambdaArn, tenant }: Registration,
  run?: FunctionRun,
): string {
  const { name, message } = error instanceof Error ? error : { name: String(error), message: '' }
  const shown = (error instanceof AwsError && error.code) || name
  if (mayHaveRun(error)) {
    run?.failed('outcome_unknown')
    const about = { id, lambdaArn, ...run?.ids, error: describe(error) }
    log.error('invoker: it is unknown whether the function ran', about)
    return cutText(`${UNKNOWN} (${shown})`)
  }
  run?.failed(name === THROTTLED ? 'throttled' : 'not_invoked')
  log.error('invoker: the function was not invoked', {
    id,
    lambdaArn,
    ...run?.ids,
    error: describe(error),
  })
  if (name === 'InvalidParameterValueException') {
    if (/durable|qualifie[rd]/i.test(message)) return NEEDS_QUALIFIER
    if (/tenan/i.test(message)) return tenant ? NEEDS_NO_TENANT : NEEDS_TENANT
  }
  if (name === 'AccessDeniedException')
    return `The policy of this function does not allow the gateway to invoke it. It may have been replaced since the function was registered. An administrator has to repair the registration with POST /register/${id}/repair: that grants the permission or says why it cannot`
  const refusal = Object.hasOwn(REFUSALS, name) ? REFUSALS[name] : undefined
  return cutText(refusal ?? `The function could not be invoked (${shown})`)
}

/** Whether the call was sent, and nothing says that the function did not run. */
const mayHaveRun = (error: unknown) =>
  error instanceof AwsError &&
  error.mayBeDone &&
  (error.status === undefined || NO_REASON.has(error.name))

/** Errors of Lambda, or of a proxy before it, that do not say what became of the call. */
const NO_REASON = new Set(['ServiceException', 'SyntaxError', 'Unknown'])

const UNKNOWN =
  'It is unknown whether the function ran, because Lambda did not respond to the call. Find out before you call it again'

/** https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html */
const NEEDS_QUALIFIER =
  'This is a durable function, which Lambda invokes only by a version or an alias. An administrator has to register its ARN with a version or an alias at the end'

/** https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-invoke.html */
const NEEDS_TENANT =
  'This function isolates tenants and needs a tenant id. An administrator has to say in its registration whose calls share an environment: "tenant": "account", "principal" or "session"'

const NEEDS_NO_TENANT =
  'This function does not isolate tenants and takes no tenant id. An administrator has to remove "tenant" from its registration, or register a function that isolates tenants'

const TOO_LARGE = 'The arguments are larger than 6 MB, the limit of a Lambda function: send less'

const NOT_READY = 'This function is not ready yet, so it did not run. Try again later'

const REFUSALS: Record<string, string> = {
  ResourceNotFoundException:
    'This function does not exist any more. An administrator has to register another function',
  TooManyRequestsException:
    'Lambda throttled the call, so the function did not run. Try again later',
  RequestTooLargeException: TOO_LARGE,
  RequestEntityTooLargeException: TOO_LARGE,
  ResourceNotReadyException: NOT_READY,
  SnapStartNotReadyException: NOT_READY,
}
