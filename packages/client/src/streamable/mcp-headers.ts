import type { JsonRpcMessage } from '../transport/pending-requests.ts'

/** The first revision without sessions: every request says by itself which revision it speaks. */
export const STATELESS_REVISION = '2026-07-28'

/** The revision that a message names in its envelope; it has one from 2026-07-28 on. */
export function revisionOf({ params }: JsonRpcMessage): string | undefined {
  const meta = isObject(params) ? params['_meta'] : undefined
  const revision = isObject(meta) ? meta['io.modelcontextprotocol/protocolVersion'] : undefined
  return typeof revision === 'string' ? revision : undefined
}

/**
 * The headers that repeat a part of the body, so that intermediaries need not read it, and those that
 * the client adds for one message (`Mcp-Param-*`). The server compares both with the body:
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
 */
export function messageHeaders(
  message: JsonRpcMessage,
  added: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const headers = Object.fromEntries(
    Object.entries(added).filter(([name]) => !OURS.has(name.toLowerCase())),
  )
  const revision = revisionOf(message)
  if (revision === undefined || message.method === undefined) return headers
  headers['mcp-protocol-version'] = revision
  headers['mcp-method'] = message.method
  const name = nameOf(message)
  if (name !== undefined) headers['mcp-name'] = encoded(name)
  return headers
}

/** They follow from the connection or the body; a value from elsewhere could only contradict it. */
const OURS = new Set([
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
  const name = field !== undefined && isObject(params) ? params[field] : undefined
  return typeof name === 'string' ? name : undefined
}

/** As it is where a header can hold it, else in the form that the specification gives to such values. */
function encoded(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value)
  if (isPlain && !/^=\?base64\?.*\?=$/.test(value)) return value
  return `=?base64?${Buffer.from(value).toString('base64')}?=`
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
