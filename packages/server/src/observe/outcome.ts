import { GatewayError } from '../http/errors.ts'
import type { RunFailure } from '../invoker/function-run.ts'
import { isRecord } from '../is-record.ts'
import { INVALID_PARAMS } from '../jsonrpc-error.ts'

/** What became of a call. */
export type CallOutcome = Success | ErrorType

type Success =
  | 'ok'
  /** The function asks the client for input. */
  | 'input_required'

/** Why a call has not succeeded. docs/operations.md has the list. */
export type ErrorType =
  | RunFailure
  /** The result of the function says that it is an error, or does not match its schema. */
  | 'tool_error'
  /** The response is a JSON-RPC error, which the function chose. */
  | 'jsonrpc_error'
  | 'invalid_arguments'
  /** There is no such registration for this caller. */
  | 'not_found'
  | 'rate_limited'
  | 'cancelled'
  /** A table failed, or our code. */
  | 'gateway_failed'

/** The outcomes that count as errors in the metrics: not those that the client can mend. */
const ERRORS = new Set<CallOutcome>([
  'function_failed',
  'gateway_failed',
  'not_invoked',
  'outcome_unknown',
  'throttled',
])

/** The call went as its function wanted. */
export const isSuccess = (outcome: CallOutcome): outcome is Success =>
  outcome === 'ok' || outcome === 'input_required'

export const isErrorOutcome = (outcome: CallOutcome) => ERRORS.has(outcome)

/** What is known of a call besides its result or its error. */
interface Known {
  isFound: boolean
  hasStarted: boolean
  failure: RunFailure | undefined
}

export function outcomeOfResult(result: object, known: Known): CallOutcome {
  if (known.failure) return known.failure
  if ('isError' in result && result.isError === true)
    return known.hasStarted ? 'tool_error' : 'invalid_arguments'
  return 'resultType' in result && result.resultType === 'input_required' ? 'input_required' : 'ok'
}

/** A request is aborted by its client, or because its stream ends before the response. */
export function outcomeOfAbort(reason: unknown): CallOutcome {
  const { code, data }: { code?: unknown; data?: unknown } = Object(reason)
  const isOfStream = isOutcomeUnknown(data) || code === SDK_CONNECTION_CLOSED
  return isOfStream ? 'outcome_unknown' : 'cancelled'
}

const isOutcomeUnknown = (data: unknown) => isRecord(data) && data['reason'] === 'outcome-unknown'

/** `SdkErrorCode.ConnectionClosed` of the MCP SDK, which ordinary requests do not load. */
const SDK_CONNECTION_CLOSED = 'CONNECTION_CLOSED'

/** The errors of the SDK have `code` and `data` too. They are told apart by these. */
export function outcomeOfError(error: unknown, known: Known): CallOutcome {
  if (error instanceof GatewayError)
    return error.code === 'rate_limited' ? 'rate_limited' : 'gateway_failed'
  const { code, data }: { code?: unknown; data?: unknown } = Object(error)
  if (isOutcomeUnknown(data)) return 'outcome_unknown'
  if (known.failure) return known.failure
  if (typeof code !== 'number') return 'gateway_failed'
  if (known.hasStarted || code !== INVALID_PARAMS) return 'jsonrpc_error'
  return known.isFound ? 'invalid_arguments' : 'not_found'
}
