import { createHash, createHmac } from 'node:crypto'

// The steps of Signature Version 4, for a server: they start from the request as it was received.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

/** A request as it was received. Normalising any part of it changes the signature. */
export interface SignedRequest {
  method: string
  /** The request target as it was sent: `/path?query`. */
  target: string
  /** Alternating names and values, as in `IncomingMessage.rawHeaders`. */
  rawHeaders: string[]
  body: Buffer
}

/** Canonical headers: lower-case name to normalised value. */
export type Headers = Map<string, string>

export function canonicalHeaders(rawHeaders: string[]): Headers {
  const headers: Headers = new Map()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const value = (rawHeaders[i + 1] ?? '').replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '')
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before},${value}`)
  }
  return headers
}

export function canonicalRequest(
  { method, target, body }: SignedRequest,
  headers: Headers,
  signedHeaders: string[],
): string {
  const [path, query] = splitTarget(target)
  return [
    method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signedHeaders.map(name => `${name}:${headers.get(name)}`),
    '',
    signedHeaders.join(';'),
    sha256(body),
  ].join('\n')
}

export function stringToSign(date: string, scope: string, canonicalRequest: string): string {
  return ['AWS4-HMAC-SHA256', date, scope, sha256(canonicalRequest)].join('\n')
}

/** `scope` is `date/region/service/aws4_request`. */
export function signature(secretAccessKey: string, scope: string, stringToSign: string): Buffer {
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  return hmac(key, stringToSign)
}

/** Each character of a string is one byte, as Node reads request lines and headers. */
export const sha256 = (data: string | Buffer) =>
  createHash('sha256')
    .update(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    .digest('hex')

const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}

function canonicalPath(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : ''
  // The path is already encoded and is encoded again: `%20` is signed as `%2520`.
  return `/${segments.map(encode).join('/')}${end}`
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter(part => part !== '')
    .map(part => {
      const equals = part.indexOf('=')
      return equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
    })
    .map(pair => pair.map(text => encode(decode(text))) as [string, string])
    .sort(([a, x], [b, y]) => byCodeUnit(a, b) || byCodeUnit(x, y))
    .map(([key, value]) => `${key}=${value}`)
    .join('&')
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Percent-encodes every byte except `A–Z a–z 0–9 - _ . ~`. Each character is one byte. */
const encode = (text: string) =>
  text.replace(/[^A-Za-z0-9\-_.~]/g, char => `%${hex(char.charCodeAt(0))}`)

/** Percent-decodes. A plus and malformed sequences stay as they are. */
const decode = (text: string) =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')
