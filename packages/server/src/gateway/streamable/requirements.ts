import type { RequestId } from '@modelcontextprotocol/server'

import { accepts } from '../../http/accept.ts'
import { cutText } from '../../http/cut-text.ts'
import { isRecord } from '../../is-record.ts'
import { INVALID_REQUEST } from '../../jsonrpc-error.ts'
import { refuse } from '../wire/jsonrpc.ts'
import { INITIALIZE_PROTOCOL_VERSIONS } from '../wire/protocol-versions.ts'

/** The only protocol version with JSON-RPC batches. */
export const BATCH_PROTOCOL_VERSION = '2025-03-26'

/** The header that names an MCP session. */
export const SESSION_ID = 'mcp-session-id'

/** Bytes of the params of `initialize`, which are kept in the session. */
export const MAX_INITIALIZE_BYTES = 64 * 1024

/** The media types of responses. A client has to accept all of them. */
export const MEDIA_TYPES = {
  GET: ['text/event-stream'],
  POST: ['application/json', 'text/event-stream'],
} satisfies Partial<Record<string, string[]>>

/** An `Accept` header in the form that the SDK looks for: it compares texts. */
export const ACCEPT_ALL = 'application/json, text/event-stream'

/**
 * Checks the `Accept` header, with and without an MCP session.
 *
 * @returns the response for a request that is refused
 */
export function checkAccept({ method, headers }: Request): Response | undefined {
  const needed = method === 'GET' ? MEDIA_TYPES.GET : MEDIA_TYPES.POST
  return needed.every(it => accepts(headers.get('accept'), it))
    ? undefined
    : refuse(406, -32_000, `Not acceptable: send "accept: ${needed.join(', ')}"`)
}

/**
 * Checks the protocol version of a request in an MCP session.
 *
 * @param isInitialize whether the request opens the session: no protocol version is agreed on yet
 * @returns the response for a request that is refused
 */
export function checkHeaders({ headers }: Request, isInitialize: boolean): Response | undefined {
  const version = headers.get('mcp-protocol-version')
  if (!isInitialize && version !== null && !INITIALIZE_PROTOCOL_VERSIONS.includes(version))
    return refuse(
      400,
      -32_000,
      `Unsupported protocol version: ${version} (supported versions: ${INITIALIZE_PROTOCOL_VERSIONS.join(', ')})`,
    )
  return undefined
}

/** The response where the principal has as many open streams as it may have. */
export function refuseStream(body?: unknown): Response {
  const response = refuse(429, -32_000, TOO_MANY_STREAMS, body)
  response.headers.set('retry-after', '30')
  return response
}

const TOO_MANY_STREAMS =
  'Too many open streams of this principal (setting MaxStreamsPerCaller): close some, or try again later'

/** An id names one request until that has its response. */
export function refuseIdInFlight(ids: RequestId[]): Response {
  const [id] = ids.length === 1 ? ids : []
  const { code, message } = idInFlightError(ids.length === 1 ? 'the same id' : 'one of these ids')
  return refuse(400, code, message, { id })
}

/** The same error, for a response that has begun. */
export const idInFlightError = (what = 'the same id') => ({
  code: INVALID_REQUEST,
  message: `A request with ${what} is in flight: give each request an id of its own, or wait for the response`,
})

/** The response for a batch in which two requests have one id. Nothing of the batch was done. */
export function refuseRepeatedIds(body: unknown): Response | undefined {
  if (!Array.isArray(body)) return undefined
  const ids = body.flatMap(it => (isRecord(it) && 'method' in it && 'id' in it ? [it['id']] : []))
  if (new Set(ids).size === ids.length) return undefined
  return refuse(
    400,
    INVALID_REQUEST,
    'Two requests of the batch have one id: give each request an id of its own',
  )
}

/**
 * The response of the SDK to a request that it refuses. It may repeat any length of the request.
 */
export async function shortRefusal(response: Response): Promise<Response> {
  const { status } = response
  const text = await response.text()
  const headers = new Headers(response.headers)
  if (text.length <= MAX_REFUSAL) return new Response(text, { status, headers })
  headers.delete('content-length')
  const { error, ...rest } = JSON.parse(text)
  const short = { code: error.code, message: cutText(String(error.message)) }
  return Response.json({ ...rest, error: short }, { status, headers })
}

/** Characters of a refusal that are always passed on. */
const MAX_REFUSAL = 16 * 1024
