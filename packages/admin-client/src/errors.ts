import type { ErrorBody, ErrorCode, Issue } from './api-schema.ts'

/** Every way a call can fail: what the server says, and what happens before and beside it. */
export type AdminErrorCode =
  | ErrorCode
  /** There was no answer; whether the request was carried out is not known. */
  | 'connection_failed'
  | 'invalid_credentials'
  /** The answer is not the registration API's: the URL may be another function's. */
  | 'invalid_response'
  | 'invalid_url'
  | 'missing_region'
  | 'redirect_refused'

interface AdminErrorDetails {
  status?: number | undefined
  requestId?: string | undefined
  issues?: Issue[] | undefined
  cause?: unknown
}

/** What this package rejects with. Look at `code`; two copies of the package have two of this class. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  readonly code: AdminErrorCode
  /** HTTP status, where there was an answer. */
  readonly status: number | undefined
  /** The function's log has the same. */
  readonly requestId: string | undefined
  /** What is wrong with a registration and where, one by one. */
  readonly issues: Issue[]

  constructor(
    code: AdminErrorCode,
    message: string,
    { status, requestId, issues = [], cause }: AdminErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.status = status
    this.requestId = requestId
    this.issues = issues
  }
}

/** The error that an answer without success stands for. */
export function toAdminError({ status, headers, url }: Response, text: string): AdminError {
  const requestId = headers.get('x-amzn-requestid') ?? undefined
  const body = parse(text)
  if (isErrorBody(body)) {
    const { code, message, issues, requestId: logged } = body.error
    return new AdminError(code, message, { status, requestId: logged ?? requestId, issues })
  }
  // Lambda and IAM answer before the function runs, in words of their own.
  const words = String(body?.['Message'] ?? body?.['message'] ?? text).trim()
  // Further lines of a signature error are the canonical request, session token and all.
  const [line = ''] = words.split('\n', 1)
  const code = STATUS[status] ?? (status >= 500 ? 'internal_error' : 'invalid_response')
  const said = [`${originOf(url)} answered ${status}`, line.slice(0, 500)]
    .filter(Boolean)
    .join(': ')
  const message = HINT[code] ? `${said.replace(/\.$/, '')}. ${HINT[code]}` : said
  return new AdminError(code, message, { status, requestId })
}

const STATUS: Record<number, AdminErrorCode> = {
  401: 'invalid_credentials',
  403: 'access_denied',
  413: 'payload_too_large',
  429: 'rate_limited',
  503: 'service_unavailable',
}

const HINT: Partial<Record<AdminErrorCode, string>> = {
  access_denied:
    'With valid credentials, the caller still needs lambda:InvokeFunctionUrl and lambda:InvokeFunction on the registration function: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  invalid_response: 'Check that the URL is the RegistrationUrl of the stack.',
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // not JSON: proxies answer in HTML
  }
}

function isErrorBody(body: object | undefined): body is ErrorBody {
  const { code, message } = (body as Partial<ErrorBody> | undefined)?.error ?? {}
  return typeof code === 'string' && typeof message === 'string'
}

const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : 'The server')
