import { GatewayError } from '../http/errors.ts'
import { log } from '../http/log.ts'
import { isRecord } from '../is-record.ts'
import type { FunctionUrlEvent } from './event.ts'
import { invocationTrace } from './invocation-trace.ts'

/** The fields of the context object that show who invoked the function. */
export interface InvocationContext {
  awsRequestId: string
  /** Only a caller of the Invoke API can send one. */
  clientContext?: unknown
}

/**
 * Throws 403 for an event that did not come from the Function URL. There IAM has verified the
 * caller that the event names. A caller of the Invoke API can send an event that names any other.
 * It cannot know the id of the request, which Lambda creates, so it cannot put that id into the
 * event:
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
 */
export function assertFromFunctionUrl(
  event: unknown,
  { awsRequestId, clientContext }: InvocationContext,
): asserts event is FunctionUrlEvent {
  const requestContext = isRecord(event) && event['requestContext']
  const isOfUrl =
    isRecord(requestContext) &&
    typeof awsRequestId === 'string' &&
    requestContext['requestId'] === awsRequestId &&
    isRecord(requestContext['http']) &&
    (clientContext ?? undefined) === undefined
  if (isOfUrl) return
  log.warn('refused an event that did not come from the Function URL', {
    requestId: awsRequestId,
    trace_id: invocationTrace()?.traceId,
  })
  throw new GatewayError(
    'access_denied',
    'This event did not come from the Function URL: send a signed request to the URL instead of invoking the function',
  )
}
