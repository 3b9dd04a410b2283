import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'

import { isRecord } from '../../is-record.ts'
import { memberText } from '../../json/member-text.ts'

/** The output of functions behind an API Gateway, a load balancer or a Function URL. */
export interface HttpResponse {
  statusCode: number
  /** The body is text, or any JSON. */
  body: unknown
  isBase64Encoded: boolean
  headers: (name: string) => string | undefined
}

const MEMBERS = [
  'statusCode',
  'statusDescription',
  'headers',
  'multiValueHeaders',
  'cookies',
  'body',
  'isBase64Encoded',
]

/** Undefined for an object that only has a member `statusCode`, among others. */
export function httpResponseIn(value: unknown): HttpResponse | undefined {
  if (!isRecord(value)) return undefined
  const { body, headers, multiValueHeaders, isBase64Encoded } = value
  const statusCode = toStatus(value['statusCode'])
  const hasPart = ['body', 'headers', 'multiValueHeaders'].some(name => name in value)
  if (statusCode === undefined) return undefined
  if (!hasPart && !Object.keys(value).every(name => MEMBERS.includes(name))) return undefined
  return {
    statusCode,
    body,
    isBase64Encoded: isBase64Encoded === true || isBase64Encoded === 'true',
    headers: name => headerIn(multiValueHeaders, name) ?? headerIn(headers, name),
  }
}

function toStatus(statusCode: unknown): number | undefined {
  const isText = typeof statusCode === 'string' && /^\d{3}$/.test(statusCode)
  const status = isText ? Number(statusCode) : statusCode
  return Number.isInteger(status) && Number(status) >= 100 && Number(status) < 600
    ? Number(status)
    : undefined
}

/** `multiValueHeaders` has lists of values. */
function headerIn(headers: unknown, name: string): string | undefined {
  if (!isRecord(headers)) return undefined
  const [, value] = Object.entries(headers).find(([it]) => it.toLowerCase() === name) ?? []
  const values = [value].flat().filter(it => typeof it === 'string')
  return values.length > 0 ? values.join(', ') : undefined
}

export interface Media {
  base64: string
  mimeType: string | undefined
}

export type Body =
  /** `isText`: the body is text, which may be JSON. Otherwise `text` is the JSON of a value. */
  | { text: string; isText: boolean; mimeType: string | undefined }
  | { media: Media }
  | { fault: string }

/** The body of a response. `json` is the text of the response. */
export function bodyOf(response: HttpResponse, json: string): Body {
  const { body, isBase64Encoded, headers } = response
  const contentType = headers('content-type')
  const mimeType = mimeTypeOf(contentType)
  if (typeof body !== 'string')
    return { text: memberText(json, 'body') ?? '', isText: false, mimeType }
  if (!isBase64Encoded) return { text: body, isText: true, mimeType }
  if (/[^\w+/=\s-]/.test(body)) return { fault: 'its body is not base64' }
  const bytes = decompress(Buffer.from(body, 'base64'), headers('content-encoding'))
  if ('fault' in bytes) return bytes
  // Without a type, bytes without a NUL that are UTF-8 are text.
  const mayBeText = mimeType ? isTextual(mimeType) : !bytes.includes(0)
  const text = mayBeText ? decode(bytes, contentType) : undefined
  if (text !== undefined) return { text, isText: true, mimeType }
  return { media: { base64: bytes.toString('base64'), mimeType } }
}

/** A small body can become gigabytes. */
const MAX_DECOMPRESSED_BYTES = 20 * 1024 * 1024

const DECOMPRESS: Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Buffer> =
  {
    gzip: gunzipSync,
    'x-gzip': gunzipSync,
    br: brotliDecompressSync,
    deflate: inflateSync,
    identity: bytes => bytes,
  }

/** Each encoding can decompress as much again. */
const MAX_ENCODINGS = 3

/** https://www.rfc-editor.org/rfc/rfc9110#field.content-encoding */
function decompress(bytes: Buffer, encodings = ''): Buffer | { fault: string } {
  const names = encodings
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
  if (bytes.length === 0) return bytes
  if (names.length > MAX_ENCODINGS)
    return { fault: `it has more than ${MAX_ENCODINGS} content-encodings` }
  for (const name of names.reverse()) {
    const decode = Object.hasOwn(DECOMPRESS, name) ? DECOMPRESS[name] : undefined
    if (!decode)
      return {
        fault: `its content-encoding "${name}" is not supported: use gzip, br, deflate or none`,
      }
    try {
      bytes = decode(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES })
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? {
            fault: `its body has more than ${MAX_DECOMPRESSED_BYTES} bytes when it is decompressed`,
          }
        : { fault: `its body is not valid ${name}` }
    }
  }
  return bytes
}

/**
 * In lower case. Media types are case-insensitive, and clients compare them with constants. Only
 * types that need them keep their parameters.
 */
function mimeTypeOf(contentType: string | undefined): string | undefined {
  const [type = '', ...parameters] = (contentType ?? '').split(';')
  const essence = type.trim().toLowerCase()
  if (!/^[^\s/]{1,127}\/[^\s/]{1,127}$/.test(essence)) return undefined
  return essence.startsWith('multipart/') ? [essence, ...parameters].join(';') : essence
}

const TEXT_WORDS = new Set(
  'json json5 jsonl jsonlines ndjson xml yaml yml csv tsv svg html xhtml markdown toml sql graphql javascript ecmascript typescript urlencoded'.split(
    ' ',
  ),
)

/** Whether a media type is one of text: `image/svg+xml` and `application/x-yaml` are. */
const isTextual = (mimeType: string) =>
  /^(text|message)\//.test(mimeType) || mimeType.split(/[/+.-]/).some(word => TEXT_WORDS.has(word))

/** Undefined for bytes that are not text in their character set, which is UTF-8 by default. */
function decode(bytes: Buffer, contentType: string | undefined): string | undefined {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(contentType ?? '') ?? []
  try {
    return decoderFor(charset).decode(bytes)
  } catch {
    // Not text in this character set: the bytes are passed on as they are.
    return undefined
  }
}

function decoderFor(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    // An unknown character set.
    return new TextDecoder('utf-8', { fatal: true })
  }
}
