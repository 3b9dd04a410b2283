/** JSON-RPC: the message is not a valid request. */
export const INVALID_REQUEST = -32_600
/** JSON-RPC: the parameters of the request are not valid. */
export const INVALID_PARAMS = -32_602
/** JSON-RPC: the request failed, and its sender did nothing wrong. */
export const INTERNAL_ERROR = -32_603
/** JSON-RPC leaves the codes from -32000 on to servers. */
export const SERVER_ERROR = -32_000

/** A request that is answered with this JSON-RPC error. The client sees all of it. */
export class JsonRpcError extends Error {
  override readonly name = 'JsonRpcError'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/**
 * The resource does not exist. The code is that of protocol version 2026-07-28; see
 * `withEarlierErrorCode`.
 */
export const resourceNotFound = (uri: string) =>
  new JsonRpcError(INVALID_PARAMS, `Resource not found: ${uri}`, { uri })
