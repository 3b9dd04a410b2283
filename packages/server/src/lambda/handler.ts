import type { Writable } from 'node:stream'

import { GatewayError, toResponse } from '../http/errors.ts'
import type { Service } from '../http/service.ts'
import { callerOf, toRequest } from './event.ts'
import { assertFromFunctionUrl, type InvocationContext } from './event-source.ts'
import { respond, type StreamingRuntime } from './respond.ts'

interface LambdaContext extends InvocationContext {
  getRemainingTimeInMillis(): number
}

/** A handler for `InvokeMode: RESPONSE_STREAM`. */
export function streamingHandler(service: Service, runtime: StreamingRuntime) {
  return runtime.streamifyResponse(
    async (event: unknown, stream: Writable, context: LambdaContext) => {
      await respond(await serve(service, event, context), stream, runtime)
    },
  )
}

/** A handler for `InvokeMode: BUFFERED`. */
export function bufferedHandler(service: Service) {
  return async (event: unknown, context: LambdaContext) => {
    const response = await serve(service, event, context)
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  }
}

async function serve(service: Service, event: unknown, context: LambdaContext) {
  const requestId = context.awsRequestId
  try {
    assertFromFunctionUrl(event, context)
    const caller = callerOf(event)
    if (!caller)
      throw new GatewayError(
        'access_denied',
        'The request has no IAM identity: set AuthType AWS_IAM on the Function URL and sign requests with SigV4',
      )
    const remaining = () => context.getRemainingTimeInMillis()
    const receivedAt = event.requestContext.timeEpoch ?? Date.now()
    return await service(toRequest(event), { caller, requestId, receivedAt, remaining })
  } catch (error) {
    return toResponse(error, requestId)
  }
}
