import { toBase64 } from '../base64.ts'
import { isRecord } from '../is-record.ts'
import type { JsonRpcMessage } from '../jsonrpc.ts'

/** The first protocol version without sessions: every request names its version itself. */
export const STATELESS_VERSION = '2026-07-28'

/** The protocol version in the `_meta` of a message, which has one from 2026-07-28 on. */
export function protocolVersionOf({ params }: JsonRpcMessage): string | undefined {
  const meta = isRecord(params) ? params['_meta'] : undefined
  const version = isRecord(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined
  return typeof version === 'string' ? version : undefined
}

/**
 * The headers of one message: those that repeat parts of the body for intermediaries, and those
 * that the client adds (`Mcp-Param-*`). The server compares both with the body:
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export function messageHeaders(
  message: JsonRpcMessage,
  added: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const headers = Object.fromEntries(
    Object.entries(added).filter(([name]) => !RESERVED.has(name.toLowerCase())),
  )
  const version = protocolVersionOf(message)
  if (version === undefined || message.method === undefined) return headers
  headers['mcp-protocol-version'] = version
  headers['mcp-method'] = message.method
  const name = nameOf(message)
  if (name !== undefined) headers['mcp-name'] = headerValueOf(name)
  return headers
}

/** The connection or the body determines these; the client cannot set them. */
const RESERVED = new Set([
  'accept',
  'authorization',
  'content-type',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
])

const NAMED_BY = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

function nameOf({ method = '', params }: JsonRpcMessage): string | undefined {
  const field = NAMED_BY.get(method)
  const name = field !== undefined && isRecord(params) ? params[field] : undefined
  return typeof name === 'string' ? name : undefined
}

/** Unchanged where a header can hold the value, else in the base64 form of the specification. */
export function headerValueOf(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value)
  if (isPlain && !/^=\?base64\?.*\?=$/.test(value)) return value
  return `=?base64?${toBase64(new TextEncoder().encode(value))}?=`
}
