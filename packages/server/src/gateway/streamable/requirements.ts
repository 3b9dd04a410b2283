import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'

import { isRecord } from '../../is-record.ts'
import { isRequestId } from '../wire/jsonrpc.ts'

/** The only protocol version with JSON-RPC batches. */
export const BATCH_PROTOCOL_VERSION = '2025-03-26'

/** The media types that the specification requires in the `Accept` header. */
const ACCEPTED: Partial<Record<string, string[]>> = {
  GET: ['text/event-stream'],
  POST: ['application/json', 'text/event-stream'],
}

/**
 * Checks the headers of a request in an MCP session.
 *
 * @param isInitialize whether the request opens the session: no protocol version is agreed on yet
 * @returns the response for a request that is refused
 */
export function checkHeaders(
  { method, headers }: Request,
  isInitialize: boolean,
): Response | undefined {
  const version = headers.get('mcp-protocol-version')
  if (!isInitialize && version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version))
    return refuse(
      400,
      -32_000,
      `Unsupported protocol version: ${version} (supported versions: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')})`,
    )
  const accept = headers.get('accept') ?? ''
  const needed = ACCEPTED[method] ?? []
  if (!needed.every(it => accept.includes(it) || accept.includes('*/*')))
    return refuse(406, -32_000, `Not acceptable: send "accept: ${needed.join(', ')}"`)
  return undefined
}

/** A JSON-RPC error with an HTTP status. It has the id of the request in `body`, or null. */
export function refuse(status: number, code: number, message: string, body?: unknown): Response {
  const id = isRecord(body) && isRequestId(body['id']) ? body['id'] : null
  return Response.json({ jsonrpc: '2.0', id, error: { code, message } }, { status })
}
