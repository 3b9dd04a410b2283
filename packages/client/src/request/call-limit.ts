import { ClientError } from '../errors.ts'
import { isRecord } from '../is-record.ts'
import { type JsonRpcMessage, messageOf } from '../jsonrpc.ts'
import { redact } from './redact.ts'
import { CALL_LESS_OFTEN, CALL_LIMIT } from './refusal.ts'

/** The gateway says when a call is admitted. Calls may wait for each other for so long in all. */
const MAX_WAIT_MS = 300_000
/** So that calls that wait do not all come at the same time. */
const SPREAD_MS = 1_000

/**
 * Milliseconds after which a call over a limit of the gateway is sent again. Undefined gives up.
 *
 * @param waitedMs since the first attempt
 */
export function callLimitPause(
  { retryAfterMs = 0 }: ClientError,
  waitedMs: number,
): number | undefined {
  const pause = retryAfterMs + Math.random() * SPREAD_MS
  return waitedMs + pause > MAX_WAIT_MS ? undefined : pause
}

/**
 * The refusal in a JSON-RPC error of the server with this name. Undefined where it is another
 * error, or does not say that the request did not run and when to send it again.
 */
export function callLimitIn({ error }: JsonRpcMessage, name: string): ClientError | undefined {
  const { code, data } = isRecord(error) ? error : {}
  const { reason, retryAfter, retrySafe } = isRecord(data) ? data : {}
  if (reason !== CALL_LIMIT || retrySafe !== true) return undefined
  if (typeof retryAfter !== 'number' || retryAfter < 0) return undefined
  const text = redact(messageOf(error)).slice(0, 500)
  return new ClientError('rate_limited', `${name} answered ${code}: ${text}`, {
    hint: CALL_LESS_OFTEN,
    retryable: true,
    retryAfterMs: retryAfter * 1_000,
  })
}
