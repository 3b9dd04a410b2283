import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import { cutText } from '../../http/cut-text.ts'
import { isRecord } from '../../is-record.ts'
import { INVALID_PARAMS, INVALID_REQUEST } from '../../jsonrpc-error.ts'

export const NOT_A_MESSAGE = 'The body is not a JSON-RPC 2.0 request, notification or response'

/** Whether a value is one JSON-RPC 2.0 message that the SDK takes. */
export const isMessage = (value: unknown): value is JSONRPCMessage =>
  messageProblem(value) === undefined

/**
 * What is wrong with a message, or undefined. The SDK drops a message without a response where its
 * own schemas do not match, so these rules are at least as strict. The SDK checks the other
 * parameters of a method, and responds. It is not loaded where messages are only passed on.
 *
 * @see https://www.jsonrpc.org/specification
 */
export function messageProblem(value: unknown): string | undefined {
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return NOT_A_MESSAGE
  if ('method' in value) return frameProblem(value, METHOD_MEMBERS) ?? methodProblem(value)
  if ('error' in value) return frameProblem(value, ERROR_MEMBERS) ?? errorProblem(value)
  return frameProblem(value, RESULT_MEMBERS) ?? resultProblem(value)
}

/** The response to a message or a batch that is refused: an error with HTTP status 400. */
export function refuseInvalid(body: unknown): Response | undefined {
  const problem = Array.isArray(body)
    ? body.map(messageProblem).find(it => it !== undefined)
    : messageProblem(body)
  return problem === undefined ? undefined : refuse(400, INVALID_REQUEST, problem, body)
}

/** A JSON-RPC error with an HTTP status. It has the id of the request in `body`, or null. */
export function refuse(status: number, code: number, message: string, body?: unknown): Response {
  const id = isRecord(body) && isRequestId(body['id']) ? body['id'] : null
  return Response.json(
    { jsonrpc: '2.0', id, error: { code, message: cutText(message) } },
    { status },
  )
}

const METHOD_MEMBERS = ['jsonrpc', 'id', 'method', 'params']
const ERROR_MEMBERS = ['jsonrpc', 'id', 'error']
const RESULT_MEMBERS = ['jsonrpc', 'id', 'result']

function frameProblem(message: Record<string, unknown>, members: string[]): string | undefined {
  const extra = Object.keys(message).find(it => !members.includes(it))
  if (extra !== undefined)
    return `The member ${quote(extra)} is not allowed here: this message may have ${members.join(', ')}`
  if ('id' in message && !isRequestId(message['id'])) return `"id" is not valid: it is ${AN_ID}`
  return undefined
}

function methodProblem({ id, method, params }: Record<string, unknown>): string | undefined {
  if (typeof method !== 'string') return NOT_A_MESSAGE
  if (id === undefined && REQUEST_METHODS.test(method))
    return `${quote(method)} is a request: send an "id", or no response can come`
  if (params === undefined) return undefined
  if (!isRecord(params)) return '"params" is not an object: send an object, or leave it out'
  return metaProblem(params['_meta'], 'params._meta')
}

function resultProblem({ id, result }: Record<string, unknown>): string | undefined {
  if (id === undefined || !isRecord(result)) return NOT_A_MESSAGE
  const meta = result['_meta']
  return meta === undefined || isRecord(meta)
    ? undefined
    : '"result._meta" is not an object: send an object, or leave it out'
}

function errorProblem({ error }: Record<string, unknown>): string | undefined {
  const isError =
    isRecord(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string'
  return isError ? undefined : '"error" is not an object with an integer code and a message'
}

function metaProblem(meta: unknown, name: string): string | undefined {
  if (meta === undefined) return undefined
  if (!isRecord(meta)) return `"${name}" is not an object: send an object, or leave it out`
  const { progressToken, [RELATED_TASK]: task } = meta
  if (progressToken !== undefined && !isRequestId(progressToken))
    return `"${name}.progressToken" is not valid: it is ${AN_ID}, or left out`
  if (task !== undefined && !(isRecord(task) && typeof task['taskId'] === 'string'))
    return `"${name}.${RELATED_TASK}" is not an object with a taskId`
  return undefined
}

/** The methods of MCP that are no notifications: https://modelcontextprotocol.io/specification */
const REQUEST_METHODS =
  /^(initialize|ping|(completion|logging|prompts|resources|server|subscriptions|tasks|tools)\/.*)$/

const RELATED_TASK = 'io.modelcontextprotocol/related-task'

/** Ids come back in responses, in table keys and in log entries. */
const MAX_ID_BYTES = 1_024
const AN_ID = `a text of at most ${MAX_ID_BYTES} bytes or an integer between -(2^53 - 1) and 2^53 - 1`

/** A name that the client chose, shortened. */
const quote = (name: string) => JSON.stringify(name.length > 50 ? `${name.slice(0, 50)}…` : name)

/** A result or an error. */
export type JsonRpcResponse = Exclude<JSONRPCMessage, { method: string }> & { id: RequestId }

export const isResponse = (message: JSONRPCMessage): message is JsonRpcResponse =>
  !('method' in message) && message.id !== undefined

export const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  'method' in message && 'id' in message

/** Larger integers would change: another request would get the response. */
export const isRequestId = (value: unknown): value is RequestId =>
  typeof value === 'string' ? Buffer.byteLength(value) <= MAX_ID_BYTES : Number.isSafeInteger(value)

/** The id of the request that a `notifications/cancelled` cancels. */
export function cancelledIdOf(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.['requestId']
  return isRequestId(id) ? id : undefined
}

/** Up to protocol version 2025-11-25: the resource does not exist. */
const RESOURCE_NOT_FOUND = -32002

/**
 * A response with the error codes of the protocol versions up to 2025-11-25. The SDK uses those of
 * 2026-07-28.
 *
 * @param method the method of the request
 */
export function withEarlierErrorCode<Message extends JSONRPCMessage>(
  message: Message,
  method: string | undefined,
): Message {
  return 'error' in message
    ? { ...message, error: { ...message.error, code: earlierErrorCode(message.error, method) } }
    : message
}

/** The code of this error in the protocol versions up to 2025-11-25. */
export function earlierErrorCode(
  { code, data }: { code: number; data?: unknown },
  method: string | undefined,
): number {
  const isNotFound =
    method === 'resources/read' &&
    code === INVALID_PARAMS &&
    isRecord(data) &&
    data['uri'] !== undefined
  return isNotFound ? RESOURCE_NOT_FOUND : code
}
