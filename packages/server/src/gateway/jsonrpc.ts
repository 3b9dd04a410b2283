import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import { GatewayError } from '../errors.ts'

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

function isMessage(value: unknown): boolean {
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

const isId = (value: unknown) => typeof value === 'string' || Number.isInteger(value)

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
