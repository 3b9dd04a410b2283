import { cutText } from '../../http/cut-text.ts'
import { INVALID_PARAMS, JsonRpcError } from '../../jsonrpc-error.ts'

/** A mistake of the client: JSON-RPC error -32602. */
export const invalidParams = (message: string) => new JsonRpcError(INVALID_PARAMS, cutText(message))

/** The message for a fault of the gateway. The log has the reason. */
export const failedInGateway = (requestId: string) =>
  `The request failed in the gateway; the log has the reason under the request id ${requestId}`

export const unknownName = (what: string, name: string) => invalidParams(`Unknown ${what}: ${name}`)
