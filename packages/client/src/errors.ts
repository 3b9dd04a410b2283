/** Every way a call can fail. New codes may come with a minor version; none changes its meaning. */
export type ClientErrorCode =
  | 'access_denied'
  | 'clock_skew'
  | 'connection_closed'
  | 'connection_failed'
  | 'expired_token'
  | 'invalid_credentials'
  | 'invalid_response'
  | 'invalid_url'
  | 'missing_region'
  | 'rate_limited'
  | 'redirect_refused'
  | 'request_refused'
  | 'server_error'
  | 'session_not_found'
  | 'signature_mismatch'
  | 'timeout'

const HINTS: Record<ClientErrorCode, string> = {
  access_denied:
    'Give the caller both lambda:InvokeFunctionUrl and lambda:InvokeFunction on the function, and check that the URL exists: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  clock_skew: 'Set the clock of this machine; it differs from the server’s by minutes.',
  connection_closed: 'Connect again with a new transport.',
  connection_failed: 'Check the URL and the network, then try again.',
  expired_token:
    'Get new credentials, for instance with "aws sso login". Credentials given as a value never renew: give a provider.',
  invalid_credentials:
    'Log in ("aws sso login", "aws configure") or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; temporary credentials need AWS_SESSION_TOKEN too.',
  invalid_response: 'Check that the URL is the gateway’s McpUrl.',
  invalid_url: 'Give the McpUrl output of the stack: https://<id>.lambda-url.<region>.on.aws/',
  missing_region: 'Set the option "region", or AWS_REGION, or a region in the profile.',
  rate_limited:
    'Wait and try again, or raise the reserved concurrency of the function: every open stream holds one environment.',
  redirect_refused: 'Give the URL that the redirect leads to, if it is yours.',
  request_refused: 'The message says what the server does not accept.',
  server_error: 'Look for the request id in the log of the function.',
  session_not_found:
    'The session has ended or belongs to another caller: connect again with a new transport.',
  signature_mismatch:
    'Check the secret key, the region and the service, and that no proxy changes host, path, query or body on the way.',
  timeout: 'Try again; raise the limit if the server is known to be slow.',
}

interface ClientErrorDetails {
  status?: number
  requestId?: string | undefined
  retryable?: boolean
  hint?: string | undefined
  cause?: unknown
}

/** What this package rejects with. Look at `code`; two copies of the package have two of this class. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined
  /** The `x-amzn-requestid` of the answer; the function's log has the same. */
  readonly requestId: string | undefined
  /** The server did not run the request, and the same call may succeed later. */
  readonly retryable: boolean
  /** What to do about it, as one or two sentences. */
  readonly hint: string

  constructor(
    code: ClientErrorCode,
    message: string,
    { status, requestId, retryable = false, hint = HINTS[code], cause }: ClientErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.retryable = retryable
    this.hint = hint
  }
}
