import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export const KEY = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}
export const REGION = 'us-east-1'

export interface Received {
  method: string
  /** The request target exactly as sent. */
  target: string
  headers: IncomingMessage['headers']
  body: Buffer
}

/**
 * AWS's side of Signature Version 4, written from its manual and sharing nothing with the signer:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * Returns the reason of a refusal, or undefined.
 */
export function refusalOf(
  { method, target, headers, body }: Received,
  { secretAccessKey, sessionToken }: { secretAccessKey: string; sessionToken?: string | undefined },
  { region = REGION, service = 'lambda' } = {},
): string | undefined {
  const [, key, date, signedRegion, signedService, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (!key || !date || !names) return 'IncompleteSignature'
  if (signedRegion !== region || signedService !== service)
    return `Scope ${signedRegion}/${signedService}`
  if (headers['x-amz-security-token'] !== sessionToken) return 'Token'

  const signed = names.split(';')
  const mandatory = ['host', ...Object.keys(headers).filter(name => name.startsWith('x-amz-'))]
  if (!mandatory.every(name => signed.includes(name))) return 'Unsigned header'

  const [path = '', query = ''] = split(target, '?')
  const canonicalRequest = [
    method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signed.map(name => `${name}:${String(headers[name]).trim().replace(/\s+/g, ' ')}`),
    '',
    names,
    sha256(body),
  ].join('\n')
  const stringToSign = [
    'AWS4-HMAC-SHA256',
    headers['x-amz-date'],
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest),
  ].join('\n')
  const signingKey = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    (hmacKey, part) => hmac(hmacKey, part),
    `AWS4${secretAccessKey}`,
  )
  const expected = hmac(signingKey, stringToSign).toString('hex')
  return expected === signature ? undefined : `Signature of ${canonicalRequest}`
}

/** Normalised, then every segment encoded once more than it was sent. */
function canonicalPath(path: string): string {
  const segments = path.split('/').filter(segment => segment !== '')
  return `/${segments.map(encode).join('/')}${path.endsWith('/') && segments.length > 0 ? '/' : ''}`
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter(part => part !== '')
    .map(part => split(part, '=').map(decodeURIComponent).map(encode))
    .map(([key = '', value = '']) => [key, value] as const)
    .sort(([k1, v1], [k2, v2]) => (k1 < k2 || (k1 === k2 && v1 < v2) ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join('&')
}

const encode = (text: string) =>
  [...Buffer.from(text)]
    .map(byte =>
      /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')

function split(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex')
const hmac = (key: string | Buffer, content: string) =>
  createHmac('sha256', key).update(content).digest()
