import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server'

import { GatewayError } from '../../http/errors.ts'
import { isRecord } from '../../is-record.ts'

/**
 * Parses one JSON-RPC 2.0 message. Only the frame is checked. The SDK checks the parameters of a
 * method, and it is not loaded where messages are only passed on.
 * https://www.jsonrpc.org/specification
 *
 * @throws GatewayError `bad_request` for anything else
 */
export function parseMessage(value: unknown): JSONRPCMessage {
  if (Array.isArray(value))
    throw new GatewayError(
      'bad_request',
      'JSON-RPC batches are not accepted: send one message per request',
    )
  if (!isMessage(value)) throw new GatewayError('bad_request', NOT_A_MESSAGE)
  return value
}

export const NOT_A_MESSAGE = 'The body is not a JSON-RPC 2.0 request, notification or response'

/** Whether a value has the frame of one JSON-RPC 2.0 message. */
export function isMessage(value: unknown): value is JSONRPCMessage {
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return false
  const { id, method, params, result, error } = value
  if (method !== undefined)
    return (
      typeof method === 'string' &&
      (id === undefined || isRequestId(id)) &&
      (params === undefined || isRecord(params))
    )
  if (error !== undefined)
    return (
      isRecord(error) &&
      Number.isInteger(error['code']) &&
      typeof error['message'] === 'string' &&
      (id === undefined || isRequestId(id))
    )
  return isRecord(result) && isRequestId(id)
}

/** A result or an error. */
export type JsonRpcResponse = Exclude<JSONRPCMessage, { method: string }> & { id: RequestId }

export const isResponse = (message: JSONRPCMessage): message is JsonRpcResponse =>
  !('method' in message) && message.id !== undefined

export const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  'method' in message && 'id' in message

export const isRequestId = (value: unknown): value is RequestId =>
  typeof value === 'string' || Number.isInteger(value)

/** The id of the request that a `notifications/cancelled` cancels. */
export function cancelledIdOf(message: JSONRPCMessage): RequestId | undefined {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  const id = message.params?.['requestId']
  return isRequestId(id) ? id : undefined
}

/** Up to protocol version 2025-11-25: the resource does not exist. */
const RESOURCE_NOT_FOUND = -32002
const INVALID_PARAMS = -32602

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
  if (!('error' in message) || method !== 'resources/read') return message
  const { code, data } = message.error
  const isNotFound = code === INVALID_PARAMS && isRecord(data) && data['uri'] !== undefined
  return isNotFound
    ? { ...message, error: { ...message.error, code: RESOURCE_NOT_FOUND } }
    : message
}
