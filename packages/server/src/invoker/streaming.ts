import {
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCompleteEvent,
  type InvokeWithResponseStreamResponseEvent,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { FunctionFailure, failureMessage, notInvokedMessage, untilAccepted } from './failure.ts'
import type { InvokeStream } from './invoker.ts'

/**
 * Invokes functions with the calling contract `mcp` through the Lambda API and passes the output on
 * while it is written. The output of a buffered function comes in one piece. `clientFor` gives the
 * client for a region, which must not retry by itself.
 * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
export function streamingInvoker(clientFor: (region: string) => LambdaClient): InvokeStream {
  return async function* (registration, event, signal) {
    const arn = parseLambdaArn(registration.lambdaArn)
    if (typeof arn === 'string') throw new Error(`${registration.id}: its lambdaArn ${arn}`)
    const command = new InvokeWithResponseStreamCommand({
      FunctionName: registration.lambdaArn,
      Payload: Buffer.from(event),
    })
    // The SDK keeps the connection open and paused when its events are not read to the end.
    const unread = new AbortController()
    const abortSignal = AbortSignal.any([signal, unread.signal])
    let responding = false
    try {
      const { EventStream } = await untilAccepted(
        () => clientFor(arn.region).send(command, { abortSignal }),
        registration,
        signal,
      )
      responding = true
      if (EventStream) yield* payloads(EventStream)
      responding = false
    } catch (error) {
      if (signal.aborted || error instanceof FunctionFailure) throw error
      const toMessage = responding ? interruptedMessage : notInvokedMessage
      throw new FunctionFailure(toMessage(error, registration))
    } finally {
      if (responding) unread.abort()
    }
  }
}

function interruptedMessage(error: unknown, { id, lambdaArn }: Registration): string {
  log.error('invoker: the output of a function was interrupted', {
    id,
    lambdaArn,
    error: describe(error),
  })
  return 'The connection to the function broke before its output was complete; whether it took effect is unknown'
}

async function* payloads(events: AsyncIterable<InvokeWithResponseStreamResponseEvent>) {
  for await (const { PayloadChunk, InvokeComplete } of events) {
    if (PayloadChunk?.Payload) yield PayloadChunk.Payload
    if (InvokeComplete?.ErrorCode) throw new FunctionFailure(completeMessage(InvokeComplete))
  }
}

/**
 * `ErrorDetails` is the runtime's `{errorType, errorMessage}` where the runtime could report the
 * error.
 */
function completeMessage({ ErrorCode, ErrorDetails }: InvokeWithResponseStreamCompleteEvent) {
  return ErrorDetails?.startsWith('{')
    ? failureMessage(ErrorDetails)
    : failureMessage(JSON.stringify({ errorType: ErrorCode, errorMessage: ErrorDetails }))
}
