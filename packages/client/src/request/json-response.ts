import { ClientError } from '../errors.ts'
import { drain, textOf } from '../http/bodies.ts'
import { MAX_EVENT_SIZE } from '../http/event-stream.ts'
import { isRecord, parseJson } from '../is-record.ts'
import type { RequestId } from '../jsonrpc.ts'
import { refusedBody } from './http-error.ts'
import { toConnectionError } from './send.ts'

/** The JSON of a response that is not a stream; `name` is the server's, for messages. */
export async function readJsonText(response: Response, name: string): Promise<string> {
  const { status, headers } = response
  const type = headers.get('content-type') ?? 'no content type'
  if (!/^application\/json/i.test(type)) {
    void drain(response)
    throw new ClientError('invalid_response', `${name} answered a request with ${status}, ${type}`)
  }
  return textOf(response, MAX_EVENT_SIZE).catch(error => {
    throw toConnectionError('The response broke off', error, 'message')
  })
}

/** The body of a refusal, where it is the JSON-RPC error response to the request `id`. */
export function jsonRpcErrorIn(error: unknown, id: RequestId): string | undefined {
  const text = refusedBody(error)
  const response = parseJson(text ?? '')
  if (!isRecord(response)) return undefined
  return response['id'] === id && response['error'] !== undefined ? text : undefined
}
