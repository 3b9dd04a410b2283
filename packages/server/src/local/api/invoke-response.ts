import type { ServerResponse } from 'node:http'
import { type Readable, Transform } from 'node:stream'

import { forward } from '../forward-output.ts'
import { refuse } from '../http-server.ts'
import { type FunctionError, RESPONSE_LIMIT, type Reply, tooLarge } from '../invocation.ts'
import { frame } from './event-stream-frame.ts'

/** The answer of Invoke: the whole result, or the function's error with status 200. */
export async function sendResponse(reply: Reply, response: ServerResponse) {
  if (reply.type === 'throttled') return throttled(response)
  const result = reply.type === 'stream' ? await collect(reply.body, reply.failure) : reply
  response.setHeader('content-type', 'application/json')
  response.setHeader('x-amz-executed-version', '$LATEST')
  if (result.type === 'buffered') return void response.writeHead(200).end(result.body)
  response.writeHead(200, { 'x-amz-function-error': 'Unhandled' })
  response.end(JSON.stringify(result.error))
}

async function collect(
  body: Readable,
  failure: Promise<FunctionError | undefined>,
): Promise<{ type: 'buffered'; body: Buffer } | { type: 'error'; error: FunctionError }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= RESPONSE_LIMIT) chunks.push(chunk)
  }
  const error = size > RESPONSE_LIMIT ? tooLarge(size) : await failure
  return error ? { type: 'error', error } : { type: 'buffered', body: Buffer.concat(chunks) }
}

/**
 * The answer of InvokeWithResponseStream. As seen on AWS, an exception or a time-out ends the stream like
 * a success: `InvokeComplete` names no error.
 */
export async function sendResponseStream(reply: Reply, response: ServerResponse) {
  if (reply.type === 'throttled') return throttled(response)
  response.writeHead(200, {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amz-executed-version': '$LATEST',
    'x-amzn-remapped-content-type':
      reply.type === 'stream' ? reply.contentType : 'application/json',
  })
  response.flushHeaders()
  if (reply.type === 'stream') await forward(reply.body.pipe(toChunks()), response)
  if (reply.type === 'buffered') response.write(chunk(reply.body))
  if (reply.type === 'error') response.write(chunk(Buffer.from(JSON.stringify(reply.error))))
  response.end(frame('InvokeComplete', 'application/json', Buffer.from('{}')))
}

const toChunks = () =>
  new Transform({
    transform: (piece: Buffer, _encoding, done) => done(null, chunk(piece)),
  })

const chunk = (payload: Buffer) => frame('PayloadChunk', 'application/octet-stream', payload)

const throttled = (response: ServerResponse) =>
  problem(response, 429, 'TooManyRequestsException', 'Rate Exceeded.')

export const problem = (response: ServerResponse, status: number, type: string, message: string) =>
  refuse(response, status, type, { Type: 'User', Message: message })
