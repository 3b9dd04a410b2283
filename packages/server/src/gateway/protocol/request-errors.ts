import { cutText } from '../../http/cut-text.ts'
import { INVALID_PARAMS, JsonRpcError } from '../../jsonrpc-error.ts'

/** A mistake of the client: JSON-RPC error -32602. */
export const invalidParams = (message: string) => new JsonRpcError(INVALID_PARAMS, cutText(message))

export const unknownName = (what: string, name: string) => invalidParams(`Unknown ${what}: ${name}`)
