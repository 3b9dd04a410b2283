import { SIGNING_ERRORS, type SigningErrorCode } from '@markvp/mcp-lambda-sam-client/sigv4'

import type { ErrorCode, Issue } from './api-schema.ts'

/**
 * Every way a call can fail: the codes of the registration API, and those of what happens before
 * and beside it, which are the same as in the client package. New codes may come with a minor
 * version.
 */
export type AdminErrorCode =
  | Exclude<ErrorCode, 'session_not_found'>
  | SigningErrorCode
  /** There was no response. It is unknown whether the request ran. */
  | 'connection_failed'
  /** The response does not come from the registration API. */
  | 'invalid_response'
  /** A manifest cannot be read, or has a fault. */
  | 'invalid_manifest'
  /** A registration carries the label of another owner. */
  | 'owner_conflict'
  /** A plan would delete more registrations than allowed. */
  | 'too_many_deletes'
  /** CloudFormation, Lambda or CloudWatch Logs refused a request, or did not respond. */
  | 'aws_error'

/** Every code with its hint. */
export const ADMIN_ERRORS: Record<AdminErrorCode, string> = {
  ...SIGNING_ERRORS,
  access_denied:
    'Give the caller both lambda:InvokeFunctionUrl and lambda:InvokeFunction on the registration function: npx @markvp/mcp-lambda-sam grant --as admin --to <ARN of the role or user>. Also check that the URL exists; AWS refuses a deleted one in the same way: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  already_exists: 'Replace it with PUT: registerTool() and its siblings do.',
  bad_request: 'The message says what the registration API does not accept.',
  conflict: 'Somebody else wrote at the same time. Call get(), compare, and try again.',
  connection_failed: 'Check the URL and the network, then try again.',
  internal_error: 'Look for the request id in the log of the registration function.',
  invalid_registration: 'Correct what "issues" lists; each path is a JSON Pointer.',
  aws_error: 'Correct what the message names, or try again later.',
  invalid_manifest:
    'Correct what the message names. "mcp-lambda-sam-admin schema" prints the JSON Schema.',
  owner_conflict:
    'Rename the registration, or take it over with "--take-over" (takeOver: true) when its owner agrees.',
  too_many_deletes:
    'Check the list of deletes. If it is meant, raise the limit with "--max-deletes" (maxDeletes).',
  invalid_response: 'Check that the URL is the RegistrationUrl output of the stack.',
  invalid_url:
    'Give the RegistrationUrl output of the stack: https://<id>.lambda-url.<region>.on.aws/',
  method_not_allowed:
    'The API is older or newer than this client: compare the versions with "npx @markvp/mcp-lambda-sam status".',
  not_found: 'Check that the URL is the RegistrationUrl output of the stack.',
  payload_too_large: 'Make the schemas or descriptions of the registration smaller.',
  rate_limited: 'Wait and try again, or raise the reserved concurrency of the function.',
  registration_not_found: 'Check the id, <type>-<name>; list() gives the existing ones.',
  service_unavailable: 'Wait and try again.',
  unsupported_media_type: 'Check that no proxy changes the content type of the request.',
  version_mismatch:
    'Somebody else changed the registration. Call get(), apply the change to that, and try again.',
}

interface AdminErrorDetails {
  status?: number | undefined
  requestId?: string | undefined
  retryable?: boolean
  retryAfterMs?: number | undefined
  hint?: string | undefined
  issues?: Issue[] | undefined
  cause?: unknown
}

/**
 * What this package rejects with. Compare `code`; do not use `instanceof`, since an application can
 * hold two copies of this package.
 */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly code: AdminErrorCode
  /** HTTP status, where there was a response. */
  readonly status: number | undefined
  /** The log of the registration function has the same id. */
  readonly requestId: string | undefined
  /** The same call may succeed later, and nothing runs twice when it is repeated. */
  readonly retryable: boolean
  /** The pause that the server asks for before that (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** What to do about it, in one to three sentences. */
  readonly hint: string
  /** What is wrong with a registration, and where. Empty for every other code. */
  readonly issues: Issue[]

  constructor(
    code: AdminErrorCode,
    message: string,
    {
      status,
      requestId,
      retryable = false,
      retryAfterMs,
      hint = ADMIN_ERRORS[code],
      issues = [],
      cause,
    }: AdminErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.hint = hint ?? UNKNOWN_CODE_HINT
    this.issues = issues
  }
}

/** Also one of the other copy: the entries of this package are built apart from each other. */
export const isAdminError = (error: unknown): error is AdminError =>
  error instanceof Error && error.name === 'AdminError'

/** The same error, with what is known about it besides. */
export function errorWith(
  error: AdminError,
  { message = error.message, ...more }: { message?: string } & AdminErrorDetails,
): AdminError {
  const { code, status, requestId, retryable, retryAfterMs, hint, issues } = error
  const details = { status, requestId, retryable, retryAfterMs, hint, issues, cause: error }
  return new AdminError(code, message, { ...details, ...more })
}

/** The API may be newer than this package. */
const UNKNOWN_CODE_HINT =
  'This version of the client does not know the code: update @markvp/mcp-lambda-sam-admin-client.'
