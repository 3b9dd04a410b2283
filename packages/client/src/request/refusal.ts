import { ClientError, type ClientErrorCode } from '../errors.ts'
import { beginningOf } from '../http/bodies.ts'
import { type ScopeOptions, scopeOf } from '../signing/scope.ts'

/** Which of a transport's requests was refused; the same status means another thing in each. */
export type RequestKind =
  /** Opens a stream, and does nothing else. */
  | 'stream'
  /** Likewise, in a session. */
  | 'resumption'
  /** Brings a message to a session. */
  | 'message'
  /** Brings a message to a server that keeps no session, or not yet. */
  | 'sessionless'

/** Nothing runs twice when it is repeated. */
export const isRepeatable = (kind: RequestKind) => kind === 'stream' || kind === 'resumption'

/** Reads an answer that is not a 2xx as the error that it stands for, and lets go of its body. */
export async function refusal(
  response: Response,
  kind: RequestKind,
  url: URL,
  options: ScopeOptions,
): Promise<ClientError> {
  const { status, headers } = response
  const text = await beginningOf(response)
  const { message, code: serverCode, requestId } = readBody(text)
  const type = headers.get('x-amzn-errortype')?.split(':', 1)[0]
  const code = codeOf(status, `${type ?? ''} ${message}`, kind, serverCode)

  const error = new ClientError(
    code,
    `${url.origin}${url.pathname} answered ${[status, type].filter(Boolean).join(' ')}${message ? `: ${message}` : ''}`,
    {
      status,
      requestId: headers.get('x-amzn-requestid') ?? requestId,
      retryable: code === 'rate_limited' || (code === 'server_error' && isRepeatable(kind)),
      hint: await hintOf(code, url, options),
    },
  )
  return code === 'request_refused' && !isRepeatable(kind) ? asSdkHttpError(error, text) : error
}

function codeOf(
  status: number,
  reason: string,
  kind: RequestKind,
  serverCode: string | undefined,
): ClientErrorCode {
  if (status === 401) return 'invalid_credentials'
  if (status === 403)
    return REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'access_denied'
  if (status === 404 && (IN_SESSION.has(kind) || serverCode === 'session_not_found'))
    return 'session_not_found'
  if (status === 429) return 'rate_limited'
  return status >= 500 ? 'server_error' : 'request_refused'
}

const IN_SESSION = new Set<RequestKind>(['message', 'resumption'])

// InvalidSignatureException stands for a wrong signature and for a wrong clock; only its message tells.
const REASONS: [RegExp, ClientErrorCode][] = [
  [/RequestTimeTooSkewed|Signature expired|not yet current/i, 'clock_skew'],
  [/ExpiredToken|token .*expired/i, 'expired_token'],
  [
    /UnrecognizedClient|InvalidClientTokenId|MissingAuthenticationToken|IncompleteSignature|token .*invalid/i,
    'invalid_credentials',
  ],
  [/InvalidSignature|SignatureDoesNotMatch|signature.* does not match/i, 'signature_mismatch'],
]

async function hintOf(code: ClientErrorCode, url: URL, options: ScopeOptions) {
  if (code === 'signature_mismatch') {
    const { region, service } = await scopeOf(url, options)
    return `The request was signed for region ${region}, service ${service}. Check both, the secret key, and that no proxy changes host, path, query or body on the way.`
  }
  const profile = options.profile ?? process.env['AWS_PROFILE']
  if (code === 'expired_token' && profile)
    return `Log in again, for instance with "aws sso login --profile ${profile}".`
  return undefined
}

/** Lambda's `{"Message"}`, the gateway's `{"error":{"code","message","requestId"}}`, or plain text. */
function readBody(text: string): { message: string; code?: string; requestId?: string } {
  const body = parse(text)
  const { code, message, requestId } = (body?.['error'] ?? {}) as Record<string, unknown>
  const words = message ?? body?.['message'] ?? body?.['Message'] ?? (body ? '' : text)
  return {
    // Further lines of a signature error are the canonical request, session token and all.
    message:
      String(words ?? '')
        .trim()
        .split('\n', 1)[0]
        ?.slice(0, 500) ?? '',
    ...(typeof code === 'string' && { code }),
    ...(typeof requestId === 'string' && { requestId }),
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // not JSON: proxies answer in HTML
  }
}

/**
 * Version negotiation of SDK 2.x asks with a request that old servers refuse. It falls back to
 * `initialize` after an HTTP error only if that is its own class, which it knows by a brand; any other
 * error ends the connect. Credentials and overload stay unbranded, so that their message survives.
 */
function asSdkHttpError(error: ClientError, text: string): ClientError {
  Object.defineProperty(error, Symbol.for('mcp.sdk.errorBrands'), {
    value: new Set(['mcp.SdkError', 'mcp.SdkHttpError']),
  })
  return Object.assign(error, { data: { status: error.status, text } })
}
