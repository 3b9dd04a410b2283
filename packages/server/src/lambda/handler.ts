import type { Writable } from 'node:stream'

import type { OwnerBy } from '../http/caller.ts'
import { GatewayError, toResponse } from '../http/errors.ts'
import { followTrace } from '../http/log.ts'
import type { Arrival, Exchange, Gateway, Service } from '../http/service.ts'
import { traceOf } from '../http/trace.ts'
import { callerOf, type FunctionUrlEvent, toHttpRequest, toRequest } from './event.ts'
import { assertFromFunctionUrl, type InvocationContext } from './event-source.ts'
import { respond, type StreamingRuntime } from './respond.ts'

interface LambdaContext extends InvocationContext {
  getRemainingTimeInMillis(): number
}

/**
 * A handler for `InvokeMode: RESPONSE_STREAM`.
 *
 * @param options `beforeEnd` is awaited after each response, because the environment is frozen
 *   then. `tableReads` counts those of the environment
 */
export function streamingHandler(
  gateway: Gateway,
  runtime: StreamingRuntime,
  {
    ownerBy,
    beforeEnd,
    tableReads,
  }: { ownerBy: OwnerBy; beforeEnd(): Promise<void>; tableReads(): number },
) {
  const serve = createServe(tableReads, ownerBy)
  return runtime.streamifyResponse(
    async (event: unknown, stream: Writable, context: LambdaContext) => {
      const answer = (it: FunctionUrlEvent, exchange: Exchange) =>
        gateway(toHttpRequest(it), exchange)
      const response = await serve(event, context, answer)
      await respond(response, stream, runtime)
      await beforeEnd()
    },
  )
}

/** A handler for `InvokeMode: BUFFERED`. */
export function bufferedHandler(service: Service) {
  const serve = createServe(() => 0)
  return async (event: unknown, context: LambdaContext) => {
    const response = await serve(event, context, (it, exchange) => service(toRequest(it), exchange))
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  }
}

function createServe(tableReads: () => number, ownerBy?: OwnerBy) {
  let isCold = true

  return async <Answer>(
    event: unknown,
    context: LambdaContext,
    answer: (event: FunctionUrlEvent, exchange: Exchange) => Promise<Answer>,
  ): Promise<Answer | Response> => {
    const at = performance.now()
    const requestId = context.awsRequestId
    followTrace(undefined)
    try {
      assertFromFunctionUrl(event, context)
      const trace = traceOf(event.headers)
      followTrace(trace?.traceId)
      const arrival: Arrival = { at, isCold, tableReads: tableReads(), trace }
      isCold = false
      const caller = callerOf(event, ownerBy)
      if (!caller)
        throw new GatewayError(
          'access_denied',
          'The request has no IAM identity: set AuthType AWS_IAM on the Function URL and sign requests with SigV4',
        )
      const remaining = () => context.getRemainingTimeInMillis()
      const receivedAt = event.requestContext.timeEpoch ?? Date.now()
      return await answer(event, { caller, requestId, receivedAt, remaining, arrival })
    } catch (error) {
      return toResponse(error, requestId)
    }
  }
}
