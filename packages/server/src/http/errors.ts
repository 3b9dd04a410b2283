import type { ErrorBody, ErrorCode, Issue } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

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

/** A caller's mistake: its message is shown, so it says what to do. Anything else that is thrown is ours. */
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

/**
 * The one place where an error becomes an answer. Ours is logged with the request id and shown without
 * detail; a caller's mistake is shown and not logged.
 */
export function toResponse(error: unknown, requestId: string): Response {
  if (!(error instanceof GatewayError)) {
    console.error(JSON.stringify({ message: 'request failed', requestId, error: describe(error) }))
    error = new GatewayError(
      'internal_error',
      'The request failed on our side; the log has the reason under this requestId',
    )
  }
  const { code, message, issues, headers } = error as GatewayError
  const body: ErrorBody = { error: { code, message, requestId, ...(issues && { issues }) } }
  return Response.json(body, { status: STATUS[code], headers })
}

/** An error as a log line may show it: names and stacks, never the payload that caused it. */
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
