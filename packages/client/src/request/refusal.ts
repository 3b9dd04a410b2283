// Reads the responses with which AWS, a function or a proxy refuses a signed request. Lambda and
// IAM respond before the function runs, in formats of their own; every package reads them here.

import { environmentVariable } from '../environment.ts'
import { CLIENT_ERRORS } from '../errors.ts'
import { beginningOf } from '../http/bodies.ts'
import { retryAfterMs } from '../http/retry.ts'
import { isRecord, parseJson } from '../is-record.ts'
import { type Scope, type ScopeOptions, scopeOf } from '../signing/scope.ts'
import { secretsSentFor } from '../signing/sent-secrets.ts'
import { redact, redactSent } from './redact.ts'

/** The request that was refused, and the options that it was signed with. */
export interface RefusalContext extends ScopeOptions {
  url: URL
  /** Nothing runs twice when the request is repeated. @default false */
  isRepeatable?: boolean
}

export type RefusalCode =
  | 'access_denied'
  | 'clock_skew'
  | 'expired_token'
  | 'invalid_credentials'
  | 'rate_limited'
  | 'request_refused'
  | 'server_error'
  | 'service_unavailable'
  | 'signature_mismatch'
  | 'wrong_region'
  | 'wrong_service'

/** A response without success as an error: what was refused, why, and what to do. */
export interface Refusal {
  code: RefusalCode
  /** Who refused and why, in one line. Holds no query, no header and no secret. */
  message: string
  hint: string
  status: number
  /** The log of the function has the same id. */
  requestId: string | undefined
  /** The same request may succeed later, and nothing runs twice when it is repeated. */
  retryable: boolean
  /** The pause that the server asks for (`Retry-After`), in milliseconds. */
  retryAfterMs: number | undefined
  /** `error.code` of the body, where the body has the error format of this product. */
  serverCode: string | undefined
}

/** Reads a response without success. Consumes at most 64 KB of its body, within one second. */
export async function readRefusal(response: Response, context: RefusalContext): Promise<Refusal> {
  return toRefusal(response, await beginningOf(response), context)
}

/** Likewise, for a response whose body has been read as `text`. */
export async function toRefusal(
  response: Pick<Response, 'status' | 'headers'>,
  text: string,
  context: RefusalContext,
): Promise<Refusal> {
  const { status, headers } = response
  const body = readBody(text)
  const [type] = /^[A-Za-z]{1,64}(?=:|$)/.exec(headers.get('x-amzn-errortype') ?? '') ?? []
  const code = codeOf(status, `${type ?? ''} ${body.message}`, body.code)
  const { origin, pathname } = context.url
  const name = [status, type].filter(Boolean).join(' ')
  const reason = body.message ? `: ${withoutSecrets(response, body.message).slice(0, 500)}` : ''
  return {
    code,
    message: `${origin}${pathname} answered ${name}${reason}`,
    hint: body.code === CALL_LIMIT ? CALL_LESS_OFTEN : await hintOf(code, context),
    status,
    requestId: idIn(headers.get('x-amzn-requestid') ?? body.requestId, response),
    retryable: DID_NOT_RUN.has(code) || (code === 'server_error' && context.isRepeatable === true),
    retryAfterMs: retryAfterMs(headers),
    serverCode: body.code,
  }
}

/** The `serverCode` of a request over a limit of the gateway, and not of Lambda. */
export const CALL_LIMIT = 'rate_limited'

export const CALL_LESS_OFTEN =
  'Wait and try again, or send less often. The message says which limit of the gateway it is.'

/**
 * A text from the body of a response without what may be a credential: a server may echo the
 * headers of the request. Every message that holds such a text is made by this.
 */
export const withoutSecrets = (response: Pick<Response, 'status' | 'headers'>, text: string) =>
  redact(text, secretsSentFor(response))

/** An id that is no echo of the request. */
const idIn = (id: string | undefined, response: object) =>
  id && /^[\w.:-]{1,128}$/.test(id) && redactSent(id, secretsSentFor(response)) === id
    ? id
    : undefined

/** Lambda refused the request, or the gateway did because its tables cannot be used. */
const DID_NOT_RUN = new Set<RefusalCode>(['rate_limited', 'service_unavailable'])

function codeOf(status: number, reason: string, serverCode: string | undefined): RefusalCode {
  if (status === 401) return 'invalid_credentials'
  if (status === 403) return credentialRefusal(reason) ?? 'access_denied'
  if (status === 429) return 'rate_limited'
  if (status === 503 && serverCode === 'service_unavailable') return 'service_unavailable'
  return status >= 500 ? 'server_error' : 'request_refused'
}

/**
 * Why AWS refuses the credentials or the signature, from the name and the message of its error (of
 * a Function URL or of an AWS SDK). Undefined where the reason is another.
 */
export function credentialRefusal(reason: string): RefusalCode | undefined {
  return REASONS.find(([pattern]) => pattern.test(reason))?.[1]
}

// InvalidSignatureException stands for a wrong signature, clock, region or service; only its
// message tells which:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
const REASONS: [RegExp, RefusalCode][] = [
  [/RequestTimeTooSkewed|RequestExpired|Signature expired|not yet current/i, 'clock_skew'],
  [/scoped to a valid region/i, 'wrong_region'],
  [/scoped to (the )?correct service/i, 'wrong_service'],
  [/ExpiredToken|token .*expired/i, 'expired_token'],
  [
    /UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|AuthFailure|MissingAuthenticationToken|IncompleteSignature|token .*invalid/i,
    'invalid_credentials',
  ],
  [/InvalidSignature|SignatureDoesNotMatch|signature.* does not match/i, 'signature_mismatch'],
]

async function hintOf(code: RefusalCode, { url, ...options }: RefusalContext): Promise<string> {
  const general = CLIENT_ERRORS[code]
  if (code === 'signature_mismatch' || code === 'wrong_region' || code === 'wrong_service') {
    // Unknown where the caller set the Authorization header itself.
    const signedFor = await scopeOf(url, options).catch(() => undefined)
    return signedFor ? `${describeScope(signedFor)} ${general}` : general
  }
  const profile = options.profile ?? environmentVariable('AWS_PROFILE')
  if (code === 'expired_token' && profile)
    return `Log in again, for instance with "aws sso login --profile ${profile}".`
  return general
}

const describeScope = ({ region, service }: Scope) =>
  `The request was signed for region ${region}, service ${service}.`

interface Body {
  message: string
  code: string | undefined
  requestId: string | undefined
}

/** Lambda's `{"Message"}`, `{"error":{"code","message","requestId"}}` of this product, or text. */
function readBody(text: string): Body {
  const body = parseJson(text)
  if (!isRecord(body)) return { message: firstLine(text), code: undefined, requestId: undefined }
  const { error, message, Message } = body
  const { code, message: own, requestId } = isRecord(error) ? error : {}
  return {
    message: firstLine(own ?? message ?? Message),
    code: typeof code === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(code) ? code : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  }
}

/** The further lines of a signature error are the canonical request, session token included. */
function firstLine(value: unknown): string {
  if (typeof value !== 'string') return ''
  const [line = ''] = value.trim().split(/[\r\n\u0085\u2028\u2029]/, 1)
  return line.slice(0, 4_000)
}
