import { isRecord } from './is-record.ts'

/** A JSON-RPC message, as loosely typed as both SDKs agree on. */
export interface JsonRpcMessage {
  jsonrpc: '2.0'
  id?: RequestId | undefined
  method?: string | undefined
  params?: unknown
  result?: unknown
  error?: unknown
}

export type RequestId = string | number

/** The SDKs validate the fields; an object is all that a transport needs. */
export function assertMessage(value: unknown): asserts value is JsonRpcMessage {
  if (!isRecord(value)) throw new TypeError(`Not a JSON-RPC message: ${JSON.stringify(value)}`)
}

/** The id of a request; undefined for notifications and responses. */
export const requestIdOf = ({ method, id }: JsonRpcMessage): RequestId | undefined =>
  method === undefined ? undefined : id

/** The id of the request that a message cancels. */
export function cancelledIdOf({ method, params }: JsonRpcMessage): RequestId | undefined {
  if (method !== 'notifications/cancelled' || !isRecord(params)) return undefined
  const { requestId } = params
  return typeof requestId === 'string' || typeof requestId === 'number' ? requestId : undefined
}

/** A message that refers to a request of either side. The request belongs to one MCP session. */
export const refersToRequest = ({ method = '' }: JsonRpcMessage) =>
  ['', 'notifications/cancelled', 'notifications/progress'].includes(method)

/** The message of the error in a response. */
export const messageOf = (error: unknown): string =>
  isRecord(error) && typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error)
