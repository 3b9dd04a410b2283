/**
 * The request was wrong, not the function. The final line is this JSON-RPC error, in every method.
 * https://www.jsonrpc.org/specification#error_object
 */
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

export const INVALID_REQUEST = -32600
export const METHOD_NOT_FOUND = -32601
const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603

export const invalidParams = (message: string, data?: unknown) =>
  new JsonRpcError(INVALID_PARAMS, message, data)
