import { ClientError } from '../errors.ts'
import { drain, textOf } from '../http/bodies.ts'
import { MAX_EVENT_SIZE } from '../http/event-stream.ts'
import type { JsonRpcMessage, RequestId } from '../transport/pending-requests.ts'
import { unreachable } from './send.ts'

/** The text of an answer that is no stream; `name` is the server's, for messages. */
export async function answerText(response: Response, name: string): Promise<string> {
  const { status, headers } = response
  const type = headers.get('content-type') ?? 'no content type'
  if (!/^application\/json/i.test(type)) {
    void drain(response)
    throw new ClientError('invalid_response', `${name} answered a request with ${status}, ${type}`)
  }
  return textOf(response, MAX_EVENT_SIZE).catch(error => {
    throw unreachable('The answer broke off', error, 'message')
  })
}

/** The body of a refusal that is the JSON-RPC answer to this very request. */
export function answerIn(error: unknown, id: RequestId): string | undefined {
  if (!(error instanceof ClientError) || error.code !== 'request_refused') return undefined
  const { text } = (error as { data?: { text?: string } }).data ?? {}
  try {
    const answer = JSON.parse(text ?? '') as JsonRpcMessage | null
    return answer?.id === id && answer.error !== undefined ? text : undefined
  } catch {
    return undefined // not JSON: the refusal stands
  }
}
