import { isDeeperThan, MAX_DEPTH } from '../json/depth.ts'
import { GatewayError } from './errors.ts'

/**
 * A Function URL takes 6 MB:
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const MAX_BODY_BYTES = 6 * 1024 * 1024

/**
 * The body of a request as JSON and as text.
 *
 * @throws GatewayError `unsupported_media_type`, `payload_too_large` or `bad_request`
 */
export const readJson = (request: Request, maxBytes: number): Promise<JsonBody> =>
  read(request, JSON_TYPE, maxBytes)

/** The same for a body that MCP requires to be `application/json`. */
export const readMcpJson = (request: Request): Promise<JsonBody> =>
  read(request, MCP_TYPE, MAX_BODY_BYTES)

/** The same for a body that is text already. */
export function mcpJsonOf(type: string | undefined, text: string): JsonBody {
  assertType(type, MCP_TYPE)
  assertLength(Buffer.byteLength(text), MAX_BODY_BYTES)
  // A decoder removes a byte-order mark.
  return toJson(text.replace(/^\ufeff/, ''))
}

/** Also a type such as `application/vnd.example+json`. */
const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i
/** https://modelcontextprotocol.io/specification/2025-11-25/basic/transports */
export const MCP_TYPE = /^application\/json\s*(;|$)/i

export interface JsonBody {
  value: unknown
  text: string
}

async function read(request: Request, type: RegExp, maxBytes: number): Promise<JsonBody> {
  assertType(request.headers.get('content-type'), type)
  const bytes = await request.arrayBuffer()
  assertLength(bytes.byteLength, maxBytes)
  return toJson(decode(bytes))
}

function assertType(type: string | null | undefined, expected: RegExp) {
  if (!expected.test(type ?? ''))
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
    throw new GatewayError('bad_request', 'The body is not valid UTF-8: encode the JSON as UTF-8', {
      cause: error,
    })
  }
}
