import { errorOf, type NamePlaces } from './aws-error.ts'
import type { InvokeEvent } from './invoke-events.ts'
import type { ServiceResponse } from './service-response.ts'
import { encodePathSegment } from './signature-v4.ts'
import { type AwsService, signedRequests } from './signed-requests.ts'

interface InvokeInput {
  /** A name or an ARN. */
  functionName: string
  payload: Buffer
  /** Base64 of JSON. */
  clientContext?: string
  /** For a function with tenant isolation. */
  tenantId?: string | undefined
  /** W3C trace context of the call. The function gets it as `_X_AMZN_TRACE_ID`. */
  traceparent?: string | undefined
  /** The output has so many bytes. It is read once this resolves. */
  beforeOutput?: ((bytes: number) => Promise<void>) | undefined
}

interface InvokeOutput {
  payload: Buffer
  /** Set where the function failed: the payload is its error then. */
  functionError?: string
}

/**
 * The two operations of the Lambda API that run a function. Each sends one request and never a
 * second one, which could run the function twice. Both wait as long as the function runs. They
 * reject with an `AwsError` where Lambda refuses the call, or the connection breaks.
 */
export interface LambdaApi {
  /** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
  invoke(input: InvokeInput, signal: AbortSignal): Promise<InvokeOutput>
  /**
   * Resolves when Lambda has accepted the call. The output is read only as fast as the caller
   * iterates; ending the iteration closes the connection.
   * https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
   */
  invokeWithResponseStream(
    input: InvokeInput,
    signal: AbortSignal,
  ): Promise<AsyncIterable<InvokeEvent>>
}

export function lambdaApi(service: AwsService): LambdaApi {
  const post = signedRequests(service, LIMITS)

  return {
    async invoke(input, signal) {
      const response = await run('2015-03-31', 'invocations', input, signal)
      if (input.beforeOutput) await beforeOutput(input.beforeOutput, response)
      const functionError = response.headers['x-amz-function-error']
      return {
        payload: await orReason(response.body(), signal),
        ...(functionError !== undefined && { functionError }),
      }
    },
    async invokeWithResponseStream(input, signal) {
      const response = await run('2021-11-15', 'response-streaming-invocations', input, signal)
      const { eventsOf } = await import('./invoke-events.ts')
      return eventsOf(response, signal)
    },
  }

  async function run(
    apiVersion: string,
    operation: string,
    { functionName, payload, clientContext, tenantId, traceparent }: InvokeInput,
    signal: AbortSignal,
  ): Promise<ServiceResponse> {
    const response = await post({
      path: `/${apiVersion}/functions/${encodePathSegment(functionName)}/${operation}`,
      headers: {
        'content-type': 'application/octet-stream',
        ...(clientContext !== undefined && { 'x-amz-client-context': clientContext }),
        ...(tenantId !== undefined && { 'x-amz-tenant-id': tenantId }),
      },
      body: payload,
      signal,
      traceparent,
    })
    const { status, headers } = response
    if (status < 300) return response
    throw errorOf(status, headers, await orReason(response.body(), signal), NAME_PLACES)
  }
}

/** A connection is not tried twice, so there is time for a second packet. */
const LIMITS = { connectMs: 5_000, maxSockets: 512 }
const NAME_PLACES: NamePlaces = ['header', 'code', '__type']

/** The connection may break before the output may be read. `body` says so then. */
function beforeOutput(
  ready: NonNullable<InvokeInput['beforeOutput']>,
  response: ServiceResponse,
): Promise<void> {
  return new Promise(resolve => {
    response.whenBroken(resolve)
    ready(Number(response.headers['content-length'] ?? 0)).then(resolve, resolve)
  })
}

/** A caller that aborts gets its own reason, not the broken connection. */
async function orReason<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  try {
    return await value
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}
