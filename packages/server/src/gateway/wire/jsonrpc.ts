import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server'

import { GatewayError } from '../../http/errors.ts'

/**
 * Whether a value is one JSON-RPC 2.0 message, or 400. The frame only: what a method asks of its parameters is
 * the SDK's to check, which is not loaded where messages are merely passed on.
 * https://www.jsonrpc.org/specification
 */
export function assertMessage(value: unknown): asserts value is JSONRPCMessage {
  if (Array.isArray(value))
    throw new GatewayError(
      'bad_request',
      'JSON-RPC batches are not accepted: send one message per request',
    )
  if (!isMessage(value))
    throw new GatewayError(
      'bad_request',
      'The body is not a JSON-RPC 2.0 request, notification or response',
    )
}

/** The frame of one JSON-RPC 2.0 message. */
export function isMessage(value: unknown): value is JSONRPCMessage {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return false
  const { id, method, params, result, error } = value
  if (method !== undefined)
    return (
      typeof method === 'string' &&
      (id === undefined || isId(id)) &&
      (params === undefined || isObject(params))
    )
  if (error !== undefined)
    return (
      isObject(error) &&
      Number.isInteger(error['code']) &&
      typeof error['message'] === 'string' &&
      (id === undefined || isId(id))
    )
  return isObject(result) && isId(id)
}

export type Reply = Exclude<JSONRPCMessage, { method: string }> & { id: RequestId }

/** What answers a request, whoever sent that. */
export const isReply = (message: JSONRPCMessage): message is Reply =>
  !('method' in message) && message.id !== undefined

/** JSON-RPC's code for a resource that does not exist, up to revision 2025-11-25; the SDK sends the next one's. */
const RESOURCE_NOT_FOUND = -32002
const INVALID_PARAMS = -32602

/** An answer to a request with this method, as the revisions up to 2025-11-25 want it. */
export function asRevisionSays<Message extends JSONRPCMessage>(
  message: Message,
  method: string | undefined,
): Message {
  if (!('error' in message) || method !== 'resources/read') return message
  const { code, data } = message.error
  const isMissing = code === INVALID_PARAMS && Object(data).uri !== undefined
  return isMissing ? { ...message, error: { ...message.error, code: RESOURCE_NOT_FOUND } } : message
}

const isId = (value: unknown) => typeof value === 'string' || Number.isInteger(value)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
