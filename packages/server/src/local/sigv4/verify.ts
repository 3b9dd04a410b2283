import { timingSafeEqual } from 'node:crypto'

import type { Principal } from '../principals.ts'
import {
  canonicalHeaders,
  canonicalRequest,
  type Headers,
  type SignedRequest,
  sha256,
  signature,
  stringToSign,
} from './canonical.ts'

export interface Verifier {
  region: string
  service: string
  principals: Principal[]
  /** Epoch milliseconds. */
  now?: number
}

/** The reason for a 403, with AWS's exception name and message. */
export interface Refusal {
  code:
    | 'MissingAuthenticationTokenException'
    | 'IncompleteSignatureException'
    | 'InvalidSignatureException'
    | 'UnrecognizedClientException'
  message: string
  /** Shows why two signatures differ. Contains no secret. */
  computed?: { canonicalRequest: string; stringToSign: string }
}

const MINUTE = 60_000

/** The principal that signed the request, or the reason for a 403. */
export function verify(
  request: SignedRequest,
  { region, service, principals, now = Date.now() }: Verifier,
): Principal | Refusal {
  const headers = canonicalHeaders(request.rawHeaders)
  const authorization = parseAuthorization(headers.get('authorization'))
  if ('code' in authorization) return authorization
  const date = signingDate(headers)
  if (date === undefined)
    return incomplete(
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    )
  const refusal =
    checkScope(authorization.credential, date, region, service) ??
    checkClock(date, now) ??
    checkSignedHeaders(authorization.signedHeaders, headers) ??
    checkBody(headers.get('x-amz-content-sha256'), request.body)
  if (refusal) return refusal

  const principal = principals.find(it => it.accessKeyId === authorization.credential.accessKeyId)
  if (!principal || principal.sessionToken !== headers.get('x-amz-security-token'))
    return {
      code: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    }
  return checkSignature(request, headers, authorization, date, principal) ?? principal
}

interface Authorization {
  credential: { accessKeyId: string; scope: string[] }
  signedHeaders: string[]
  signature: string
}

function parseAuthorization(header: string | undefined): Authorization | Refusal {
  if (header === undefined)
    return { code: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' }
  if (!header.startsWith('AWS4-HMAC-SHA256 '))
    return incomplete('Authorization header does not use the algorithm AWS4-HMAC-SHA256.')

  const parts = header
    .slice('AWS4-HMAC-SHA256 '.length)
    .split(',')
    .map(part => part.trim().split('=', 2))
  const { Credential, SignedHeaders, Signature } = Object.fromEntries(parts) as Partial<
    Record<string, string>
  >
  const missing = Object.entries({ Credential, SignedHeaders, Signature })
    .filter(([, value]) => !value)
    .map(([name]) => `Authorization header requires '${name}' parameter.`)
  if (!Credential || !SignedHeaders || !Signature) return incomplete(missing.join(' '))
  if (!/^[0-9a-f]{64}$/.test(Signature))
    return incomplete("Authorization header's 'Signature' is not 64 lower-case hexadecimal digits.")

  // An access key id has no slash. Some signers put one into the scope.
  const [accessKeyId = '', ...scope] = Credential.split('/')
  const signedHeaders = SignedHeaders.toLowerCase().split(';')
  return { credential: { accessKeyId, scope }, signedHeaders, signature: Signature }
}

/** `YYYYMMDDTHHMMSSZ`. Undefined if the header is missing or malformed. */
function signingDate(headers: Headers): string | undefined {
  const own = headers.get('x-amz-date')
  const time = own === undefined ? Date.parse(headers.get('date') ?? '') : parseDate(own)
  if (Number.isNaN(time)) return undefined
  return own ?? compact(time)
}

const compact = (time: number) => new Date(time).toISOString().replace(/[-:]|\.\d+/g, '')

function parseDate(date: string): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
}

function checkScope(
  { scope }: Authorization['credential'],
  date: string,
  region: string,
  service: string,
): Refusal | undefined {
  const [day, scopeRegion, scopeService, end, ...more] = scope
  if (!end || more.length > 0)
    return incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.',
    )
  if (scopeRegion !== region)
    return invalid(`Credential should be scoped to a valid region, not '${scopeRegion}'.`)
  if (scopeService !== service)
    return invalid(`Credential should be scoped to correct service: '${service}'.`)
  if (end !== 'aws4_request')
    return invalid(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${end}'.`,
    )
  if (day !== date.slice(0, 8))
    return invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '${date.slice(0, 8)}', from '${date}'.`,
    )
  return undefined
}

function checkClock(date: string, now: number): Refusal | undefined {
  const time = parseDate(date)
  const clock = compact(now)
  if (time < now - 5 * MINUTE)
    return invalid(
      `Signature expired: ${date} is now earlier than ${compact(now - 5 * MINUTE)} (${clock} - 5 min.)`,
    )
  if (time > now + 5 * MINUTE)
    return invalid(
      `Signature not yet current: ${date} is still later than ${compact(now + 5 * MINUTE)} (${clock} + 5 min.)`,
    )
  return undefined
}

function checkSignedHeaders(signedHeaders: string[], headers: Headers): Refusal | undefined {
  if (!signedHeaders.includes('host'))
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  const ascending = signedHeaders.every((name, i) => i === 0 || name > (signedHeaders[i - 1] ?? ''))
  if (!ascending || !signedHeaders.every(name => headers.has(name))) return mismatch
  const unsigned = [...headers.keys()].filter(
    name => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  )
  if (unsigned.length > 0)
    return invalid(
      `There were headers present in the request which were not signed: ${unsigned.join(', ')}`,
    )
  return undefined
}

/** The signature for a Function URL always covers the body, so `UNSIGNED-PAYLOAD` is refused. */
function checkBody(claimed: string | undefined, body: Buffer): Refusal | undefined {
  return claimed === undefined || claimed === sha256(body) ? undefined : mismatch
}

function checkSignature(
  request: SignedRequest,
  headers: Headers,
  { credential, signedHeaders, signature: given }: Authorization,
  date: string,
  { secretAccessKey }: Principal,
): Refusal | undefined {
  const scope = credential.scope.join('/')
  const canonical = canonicalRequest(request, headers, signedHeaders)
  const toSign = stringToSign(date, scope, canonical)
  const expected = signature(secretAccessKey, scope, toSign)
  if (timingSafeEqual(Buffer.from(given, 'hex'), expected)) return undefined
  return { ...mismatch, computed: { canonicalRequest: canonical, stringToSign: toSign } }
}

const incomplete = (message: string): Refusal => ({ code: 'IncompleteSignatureException', message })
const invalid = (message: string): Refusal => ({ code: 'InvalidSignatureException', message })

const mismatch = invalid(
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
)
