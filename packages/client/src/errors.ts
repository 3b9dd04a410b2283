/** What signing a request, or the response of AWS to it, can fail with: each code with its hint. */
export const SIGNING_ERRORS = {
  access_denied:
    'Give the caller both lambda:InvokeFunctionUrl and lambda:InvokeFunction on the function: npx @markvp/mcp-lambda-sam grant --as client --to <ARN of the role or user>. Also check that the URL exists; AWS refuses a deleted one in the same way: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  clock_skew: 'Set the clock of this machine; it differs from the server’s by minutes.',
  expired_token:
    'Get new credentials, for instance with "aws sso login". Credentials that are given as a value never renew: give a provider function instead.',
  invalid_credentials:
    'AWS does not know this access key or session token. Check with "aws sts get-caller-identity", and log in again with "aws sso login" or "aws configure"; temporary credentials need AWS_SESSION_TOKEN too.',
  invalid_url: 'Give the McpUrl output of the stack: https://<id>.lambda-url.<region>.on.aws/',
  missing_region: 'Set the option "region", or AWS_REGION, or a region in the profile.',
  no_credentials:
    'Log in ("aws sso login", "aws configure") or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; temporary credentials need AWS_SESSION_TOKEN too.',
  rate_limited:
    'Wait and try again, or raise the reserved concurrency of the function: every open stream holds one environment.',
  redirect_refused: 'Give the URL that the redirect leads to, if it is yours.',
  service_unavailable:
    'Wait and try again. If it lasts, look for the request id in the log of the function.',
  server_error: 'Look for the request id in the log of the function.',
  signature_mismatch:
    'Check the secret key, and that no proxy changes host, path, query or body on the way.',
  wrong_region: 'Set the option "region", or AWS_REGION, to the region of the function.',
  wrong_service:
    'Set the option "service": "lambda" for a Function URL, "execute-api" for API Gateway.',
} as const

export type SigningErrorCode = keyof typeof SIGNING_ERRORS

/** Every code of a `ClientError` with its hint. New codes may come with a minor version. */
export const CLIENT_ERRORS = {
  ...SIGNING_ERRORS,
  connection_closed: 'Connect again with a new transport.',
  connection_failed: 'Check the URL and the network, then try again.',
  invalid_response: 'Check that the URL is the McpUrl output of the stack.',
  request_refused: 'The message says what the server does not accept.',
  session_not_found:
    'The session has ended or belongs to another caller: connect again with a new transport.',
  timeout:
    'Try again. If the server is known to be slow, give it more time with the option that the message names, or with the timeout of the client.',
} as const

/** Every way a call can fail. New codes may come with a minor version; none changes its meaning. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS

interface ClientErrorDetails {
  status?: number | undefined
  requestId?: string | undefined
  retryable?: boolean
  retryAfterMs?: number | undefined
  hint?: string | undefined
  cause?: unknown
}

/**
 * What this package rejects with. Compare `code`; do not use `instanceof`, since an application can
 * hold two copies of this package.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** HTTP status, where there was a response. */
  readonly status: number | undefined
  /** The `x-amzn-requestid` of the response; the log of the function has the same id. */
  readonly requestId: string | undefined
  /** The same call may succeed later, and nothing runs twice when it is repeated. */
  readonly retryable: boolean
  /** The pause that the server asks for before that (`Retry-After`), in milliseconds. */
  readonly retryAfterMs: number | undefined
  /** What to do about it, in one to three sentences. */
  readonly hint: string

  constructor(
    code: ClientErrorCode,
    message: string,
    {
      status,
      requestId,
      retryable = false,
      retryAfterMs,
      hint = CLIENT_ERRORS[code],
      cause,
    }: ClientErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.hint = hint
  }
}
