import type { ServerResponse } from 'node:http'
import { type Readable, Transform } from 'node:stream'

import { forwardOutput } from '../forward-output.ts'
import { refuse } from '../http-server.ts'
import { type FunctionError, type FunctionOutput, RESPONSE_LIMIT, tooLarge } from '../invocation.ts'
import { eventStreamFrame } from './event-stream-frame.ts'

/**
 * The response of Invoke: the whole output, or the function's error with status 200.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_ResponseSyntax
 */
export async function sendInvokeResponse(output: FunctionOutput, response: ServerResponse) {
  if (output.type === 'throttled') return throttled(response)
  if (output.type === 'wrong-tenant') return wrongTenant(response, output.needsTenant)
  const whole = output.type === 'stream' ? await collect(output.body, output.failure) : output
  response.setHeader('content-type', 'application/json')
  response.setHeader('x-amz-executed-version', '$LATEST')
  if (whole.type === 'buffered') {
    const { body } = whole
    return void response.writeHead(200, { 'content-length': body.length }).end(body)
  }
  response.writeHead(200, { 'x-amz-function-error': 'Unhandled' })
  response.end(JSON.stringify(whole.error))
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
 * The response of InvokeWithResponseStream. `InvokeComplete` has no error code, even after an
 * exception or a time-out. This was captured on AWS.
 */
export async function sendInvokeResponseStream(output: FunctionOutput, response: ServerResponse) {
  if (output.type === 'throttled') return throttled(response)
  if (output.type === 'wrong-tenant') return wrongTenant(response, output.needsTenant)
  response.writeHead(200, {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amz-executed-version': '$LATEST',
    'x-amzn-remapped-content-type':
      output.type === 'stream' ? output.contentType : 'application/json',
  })
  response.flushHeaders()
  if (output.type === 'stream') await forwardOutput(output.body.pipe(toPayloadChunks()), response)
  if (output.type === 'buffered') response.write(payloadChunk(output.body))
  if (output.type === 'error')
    response.write(payloadChunk(Buffer.from(JSON.stringify(output.error))))
  response.end(eventStreamFrame('InvokeComplete', 'application/json', Buffer.from('{}')))
}

const toPayloadChunks = () =>
  new Transform({
    transform: (piece: Buffer, _encoding, done) => done(null, payloadChunk(piece)),
  })

const payloadChunk = (payload: Buffer) =>
  eventStreamFrame('PayloadChunk', 'application/octet-stream', payload)

const throttled = (response: ServerResponse) =>
  apiError(response, 429, 'TooManyRequestsException', 'Rate Exceeded.')

/** https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html */
const wrongTenant = (response: ServerResponse, needsTenant: boolean) =>
  apiError(
    response,
    400,
    'InvalidParameterValueException',
    needsTenant
      ? 'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.'
      : 'The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.',
  )

/** An error response of the Lambda API. `type` is the name of the exception. */
export const apiError = (response: ServerResponse, status: number, type: string, message: string) =>
  refuse(response, status, type, { Type: 'User', Message: message })
