import type { ErrorBody, ErrorCode, Issue } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { log } from './log.ts'

const STATUS: Record<ErrorCode, number> = {
  access_denied: 403,
  already_exists: 409,
  bad_request: 400,
  conflict: 409,
  internal_error: 500,
  invalid_registration: 400,
  method_not_allowed: 405,
  not_found: 404,
  payload_too_large: 413,
  rate_limited: 429,
  registration_not_found: 404,
  service_unavailable: 503,
  session_not_found: 404,
  unsupported_media_type: 415,
  version_mismatch: 412,
}

/**
 * An error whose message the response shows; it says what to do. Most are mistakes of the caller.
 * Every other error is a fault of the gateway.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly issues: Issue[] | undefined
  readonly headers: Record<string, string>

  constructor(
    code: ErrorCode,
    message: string,
    {
      issues,
      headers = {},
      cause,
    }: { issues?: Issue[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.code = code
    this.issues = issues
    this.headers = headers
  }
}

const FAULT = 'The request failed in the gateway; the log has the reason under this requestId'

/**
 * The response to an error: `{"error": {code, message, requestId}}`. A mistake of the caller is
 * shown and not logged. A fault is logged and shown without detail.
 */
export function toResponse(error: unknown, requestId: string): Response {
  const shown = error instanceof GatewayError ? error : new GatewayError('internal_error', FAULT)
  const { code, message, issues, headers } = shown
  if (STATUS[code] >= 500) log.error('request failed', { requestId, error: describe(error) })
  const body: ErrorBody = { error: { code, message, requestId, ...(issues && { issues }) } }
  return Response.json(body, { status: STATUS[code], headers })
}

/** The fields of an error that a log entry may show: no payload, no request. */
export function describe(error: unknown): {
  name: string
  message: string
  stack?: string
  cause?: unknown
} {
  if (!(error instanceof Error)) return { name: typeof error, message: String(error) }
  const { name, message, stack, cause } = error
  return {
    name,
    message,
    ...(stack && { stack }),
    ...(cause === undefined ? {} : { cause: describe(cause) }),
  }
}
