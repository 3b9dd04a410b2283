import {
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamResponseEvent,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { reasonOf, unreachable, untilAccepted } from './buffered.ts'
import { FunctionFailure, type InvokeStream } from './invoker.ts'

/**
 * Invokes through the Lambda API and hands the response on while it is written; a buffered function's comes in
 * one piece. `clientFor` gives the client for a region, which must not retry by itself.
 * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
export function streamingInvoker(clientFor: (region: string) => LambdaClient): InvokeStream {
  return async function* (registration, event, signal) {
    const arn = parseLambdaArn(registration.lambdaArn)
    if (typeof arn === 'string') throw new Error(`${registration.id}: its lambdaArn ${arn}`)
    const command = new InvokeWithResponseStreamCommand({
      FunctionName: registration.lambdaArn,
      Payload: Buffer.from(JSON.stringify(event)),
    })
    // The SDK leaves the connection open, paused for ever, where its events are not read to the end.
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
      throw new FunctionFailure((responding ? broken : unreachable)(error, registration))
    } finally {
      if (responding) unread.abort()
    }
  }
}

function broken(error: unknown, { id, lambdaArn }: Registration): string {
  const message = 'the response of a function broke off'
  console.error(JSON.stringify({ message, id, lambdaArn, error: describe(error) }))
  return 'The connection to the function broke before it had answered; whether it took effect is unknown'
}

async function* payloads(events: AsyncIterable<InvokeWithResponseStreamResponseEvent>) {
  for await (const { PayloadChunk, InvokeComplete } of events) {
    if (PayloadChunk?.Payload) yield PayloadChunk.Payload
    if (InvokeComplete?.ErrorCode) throw new FunctionFailure(failure(InvokeComplete))
  }
}

/** The details are the runtime's `{errorType, errorMessage}` where it could still say so. */
function failure({ ErrorCode, ErrorDetails }: { ErrorCode?: string; ErrorDetails?: string }) {
  return ErrorDetails?.startsWith('{')
    ? reasonOf(ErrorDetails)
    : reasonOf(JSON.stringify({ errorType: ErrorCode, errorMessage: ErrorDetails }))
}
