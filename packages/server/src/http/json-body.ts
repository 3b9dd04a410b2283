import { isDeeperThan, MAX_DEPTH } from '../json/depth.ts'
import { GatewayError } from './errors.ts'

/**
 * A Function URL takes 6 MB:
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const MAX_BODY_BYTES = 6 * 1024 * 1024

/**
 * The body as JSON and as text.
 *
 * @throws GatewayError `unsupported_media_type`, `payload_too_large` or `bad_request`
 */
export async function readJson(request: Request, maxBytes = MAX_BODY_BYTES): Promise<JsonBody> {
  assertJsonType(request.headers.get('content-type'))
  const bytes = await request.arrayBuffer()
  assertLength(bytes.byteLength, maxBytes)
  return toJson(decode(bytes))
}

/** The same for a body that is text already. */
export function jsonOf(type: string | undefined, text: string): JsonBody {
  assertJsonType(type)
  assertLength(Buffer.byteLength(text), MAX_BODY_BYTES)
  // A decoder removes a byte-order mark.
  return toJson(text.replace(/^\ufeff/, ''))
}

export interface JsonBody {
  value: unknown
  text: string
}

function assertJsonType(type: string | null | undefined) {
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? ''))
    throw new GatewayError(
      'unsupported_media_type',
      `The content type is ${type ? `"${type}"` : 'missing'}: send JSON with "content-type: application/json"`,
    )
}

function assertLength(bytes: number, maxBytes: number) {
  if (bytes > maxBytes)
    throw new GatewayError(
      'payload_too_large',
      `The body has ${bytes} bytes; at most ${maxBytes} are accepted`,
    )
}

function toJson(text: string): JsonBody {
  if (text.trim() === '')
    throw new GatewayError('bad_request', 'The body is empty: send a JSON document')
  // First: to parse millions of levels takes seconds.
  if (isDeeperThan(MAX_DEPTH, text))
    throw new GatewayError('bad_request', `The JSON is nested deeper than ${MAX_DEPTH} levels`)
  return { value: parse(text), text }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new GatewayError('bad_request', `The body is not JSON: ${(error as Error).message}`)
  }
}

function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new GatewayError('bad_request', 'The body is not UTF-8 text', { cause: error })
  }
}
