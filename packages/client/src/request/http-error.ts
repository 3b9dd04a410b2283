import { ClientError, type ClientErrorCode } from '../errors.ts'
import { beginningOf } from '../http/bodies.ts'
import type { ScopeOptions } from '../signing/scope.ts'
import { secretsSentFor } from '../signing/sent-secrets.ts'
import { redactBody, redactSent } from './redact.ts'
import { CALL_LIMIT, type Refusal, toRefusal } from './refusal.ts'

/** What a request of a transport does; the same HTTP status means different things for each. */
export type RequestKind =
  /** Opens a stream, and does nothing else. */
  | 'stream'
  /** Opens a stream of an MCP session. */
  | 'resumption'
  /** Carries a message to an MCP session. */
  | 'message'
  /** Carries a message to a server that keeps no session, or has not begun one. */
  | 'sessionless'

/** Nothing runs twice when a request of this kind is repeated. */
export const isRepeatable = (kind: RequestKind) => kind === 'stream' || kind === 'resumption'

/** Reads a response without success as the error of a transport. Consumes its body. */
export async function readHttpError(
  response: Response,
  kind: RequestKind,
  url: URL,
  options: ScopeOptions,
): Promise<ClientError> {
  const text = await beginningOf(response)
  const context = { ...options, url, isRepeatable: isRepeatable(kind) }
  const refusal = await toRefusal(response, text, context)
  const code = codeOf(refusal, kind)
  const error = new ClientError(code, refusal.message, { ...refusal, hint: hintOf(refusal, code) })
  if (refusal.serverCode === CALL_LIMIT) callLimits.add(error)
  if (code !== 'request_refused' || isRepeatable(kind)) return error
  const sent = secretsSentFor(response)
  bodies.set(error, redactSent(text, sent))
  return asSdkHttpError(error, redactBody(text, sent))
}

const callLimits = new WeakSet<object>()

/** Whether a limit of the gateway refused it, which says when to send it again. */
export const isCallLimit = (error: ClientError) => callLimits.has(error)

/**
 * The bodies of refusals, without the secrets that were sent. The body that an error shows is
 * changed more: it may get into a log.
 */
const bodies = new WeakMap<object, string>()

function codeOf({ code, status, serverCode }: Refusal, kind: RequestKind): ClientErrorCode {
  const isSessionLost = IN_SESSION.has(kind) || serverCode === 'session_not_found'
  return status === 404 && isSessionLost ? 'session_not_found' : code
}

/** Undefined for the general hint of the code. */
function hintOf({ code, serverCode, message, hint }: Refusal, finalCode: ClientErrorCode) {
  if (serverCode === 'not_found' && /\/register\b/.test(message))
    return 'This is the RegistrationUrl of the stack. Give its McpUrl; "npx @markvp/mcp-lambda-sam status" prints both.'
  return code === finalCode ? hint : undefined
}

const IN_SESSION = new Set<RequestKind>(['message', 'resumption'])

/**
 * The version negotiation of SDK 2.x sends a request that older servers refuse. After an HTTP error
 * it falls back to `initialize`, but only if the error is the SDK's own class, which it recognizes
 * by a brand. Refused credentials and rate limits stay without the brand, so that their message
 * survives.
 */
function asSdkHttpError(error: ClientError, text: string): ClientError {
  Object.defineProperty(error, Symbol.for('mcp.sdk.errorBrands'), {
    value: new Set(['mcp.SdkError', 'mcp.SdkHttpError']),
  })
  return Object.assign(error, { data: { status: error.status, text } })
}

/** The body of a response that became a `request_refused`. */
export const refusedBody = (error: unknown): string | undefined => bodies.get(Object(error))
