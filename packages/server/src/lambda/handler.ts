import type { Writable } from 'node:stream'

import type { OwnerBy } from '../http/caller.ts'
import { GatewayError, toResponse } from '../http/errors.ts'
import type { Exchange, Gateway, Service } from '../http/service.ts'
import { callerOf, type FunctionUrlEvent, toHttpRequest, toRequest } from './event.ts'
import { assertFromFunctionUrl, type InvocationContext } from './event-source.ts'
import { respond, type StreamingRuntime } from './respond.ts'

interface LambdaContext extends InvocationContext {
  getRemainingTimeInMillis(): number
}

/**
 * A handler for `InvokeMode: RESPONSE_STREAM`.
 *
 * @param beforeEnd awaited after each response: the environment is frozen then
 */
export function streamingHandler(
  gateway: Gateway,
  runtime: StreamingRuntime,
  { ownerBy, beforeEnd }: { ownerBy: OwnerBy; beforeEnd(): Promise<void> },
) {
  return runtime.streamifyResponse(
    async (event: unknown, stream: Writable, context: LambdaContext) => {
      const answer = (it: FunctionUrlEvent, exchange: Exchange) =>
        gateway(toHttpRequest(it), exchange)
      const response = await serve(event, context, answer, ownerBy)
      await respond(response, stream, runtime)
      await beforeEnd()
    },
  )
}

/** A handler for `InvokeMode: BUFFERED`. */
export function bufferedHandler(service: Service) {
  return async (event: unknown, context: LambdaContext) => {
    const response = await serve(event, context, (it, exchange) => service(toRequest(it), exchange))
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  }
}

async function serve<Answer>(
  event: unknown,
  context: LambdaContext,
  answer: (event: FunctionUrlEvent, exchange: Exchange) => Promise<Answer>,
  ownerBy?: OwnerBy,
): Promise<Answer | Response> {
  const requestId = context.awsRequestId
  try {
    assertFromFunctionUrl(event, context)
    const caller = callerOf(event, ownerBy)
    if (!caller)
      throw new GatewayError(
        'access_denied',
        'The request has no IAM identity: set AuthType AWS_IAM on the Function URL and sign requests with SigV4',
      )
    const remaining = () => context.getRemainingTimeInMillis()
    const receivedAt = event.requestContext.timeEpoch ?? Date.now()
    return await answer(event, { caller, requestId, receivedAt, remaining })
  } catch (error) {
    return toResponse(error, requestId)
  }
}
