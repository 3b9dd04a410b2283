import { ClientError } from '../errors.ts'
import type { RequestId } from '../jsonrpc.ts'

/** Codes of JSON-RPC: https://www.jsonrpc.org/specification#error_object */
export const PARSE_ERROR = -32700
export const INVALID_REQUEST = -32600
export const INTERNAL_ERROR = -32603
/** The SDKs have the same code for a request that took too long. */
export const REQUEST_TIMEOUT = -32001

export function errorResponse(
  id: RequestId | null,
  code: number,
  message: string,
  data?: object,
): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, data } })
}

/**
 * The response to a request that could not be sent. The message holds the hint, since hosts show
 * nothing else.
 */
export function failureResponse(id: RequestId | null, error: unknown, hint?: string): string {
  if (!(error instanceof ClientError)) {
    const message = error instanceof Error ? error.message : String(error)
    return errorResponse(id, INTERNAL_ERROR, message)
  }
  const { code, message, status, requestId, retryable, retryAfterMs } = error
  const advice = hint ?? error.hint
  return errorResponse(id, INTERNAL_ERROR, `${message.replace(/\.$/, '')}. ${advice}`, {
    code,
    hint: advice,
    status,
    requestId,
    retryable,
    retryAfterMs,
  })
}
