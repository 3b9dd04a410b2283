import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { InvokeComplete, InvokeEvent } from '../aws/invoke-events.ts'
import type { LambdaApi } from '../aws/lambda-api.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { FunctionFailure, untilAccepted } from './failure.ts'
import { failureMessage, notInvokedMessage } from './failure-message.ts'
import type { FunctionRun } from './function-run.ts'
import type { InvokeStream } from './invoker.ts'
import { tenantIdOf } from './tenant-id.ts'

/**
 * Invokes functions with the calling contract `mcp` through the Lambda API and passes the output on
 * while it is written. The output of a buffered function comes in one piece. `clientFor` gives the
 * client for a region.
 * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
export function streamingInvoker(clientFor: (region: string) => LambdaApi): InvokeStream {
  return async function* (registration, event, invocation, signal) {
    const arn = parseLambdaArn(registration.lambdaArn)
    if (typeof arn === 'string') throw new Error(`${registration.id}: its lambdaArn ${arn}`)
    const { traceparent, run } = invocation
    const input = {
      functionName: registration.lambdaArn,
      payload: Buffer.from(event),
      tenantId: tenantIdOf(registration, invocation),
      traceparent,
    }
    run?.started(input.payload.length)
    let responding = false
    try {
      const events = await untilAccepted(
        () => clientFor(arn.region).invokeWithResponseStream(input, signal),
        registration,
        signal,
        run,
      )
      responding = true
      for await (const chunk of payloads(events)) {
        run?.received(chunk.length)
        yield chunk
      }
    } catch (error) {
      if (signal.aborted || error instanceof FunctionFailure) throw error
      const toMessage = responding ? interruptedMessage : notInvokedMessage
      throw new FunctionFailure(toMessage(error, registration, run))
    } finally {
      run?.ended()
    }
  }
}

function interruptedMessage(
  error: unknown,
  { id, lambdaArn }: Registration,
  run: FunctionRun | undefined,
): string {
  run?.failed('function_failed')
  log.error('invoker: the output of a function was interrupted', {
    id,
    lambdaArn,
    ...run?.ids,
    error: describe(error),
  })
  return 'The connection to the function broke before its output was complete; whether it took effect is unknown'
}

async function* payloads(events: AsyncIterable<InvokeEvent>) {
  for await (const event of events) {
    if ('chunk' in event) yield event.chunk
    else if (event.complete.ErrorCode) throw new FunctionFailure(completeMessage(event.complete))
  }
}

/**
 * `ErrorDetails` is the runtime's `{errorType, errorMessage}` where the runtime could report the
 * error.
 */
function completeMessage({ ErrorCode, ErrorDetails }: InvokeComplete) {
  return ErrorDetails?.startsWith('{')
    ? failureMessage(ErrorDetails)
    : failureMessage(JSON.stringify({ errorType: ErrorCode, errorMessage: ErrorDetails }))
}
