import { setTimeout as sleep } from 'node:timers/promises'

import type { CustomResourceEvent } from './event.ts'

/** What CloudFormation learns of a request. */
export interface Outcome {
  isSuccess: boolean
  /** For people, where it failed. */
  reason?: string
  physicalResourceId: string
  /** What `!GetAtt` gives. */
  data?: Record<string, string>
}

/** The limit of a response is 4,096 bytes. */
const MAX_REASON = 1_500
const ATTEMPTS = 4

/**
 * Sends the outcome to the presigned URL of the event. Repeats it: without a response the stack
 * waits for an hour.
 */
export async function sendOutcome(
  event: CustomResourceEvent,
  { isSuccess, reason, physicalResourceId, data = {} }: Outcome,
  send: typeof fetch = fetch,
): Promise<void> {
  const { ResponseURL, StackId, RequestId, LogicalResourceId } = event
  const body = JSON.stringify({
    Status: isSuccess ? 'SUCCESS' : 'FAILED',
    ...(reason !== undefined && { Reason: reason.slice(0, MAX_REASON) }),
    PhysicalResourceId: physicalResourceId,
    StackId,
    RequestId,
    LogicalResourceId,
    Data: data,
  })
  for (let attempt = 1; ; attempt++) {
    try {
      // The URL is signed for an empty content type.
      const response = await send(ResponseURL, {
        method: 'PUT',
        body,
        headers: { 'content-type': '' },
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      })
      await response.body?.cancel()
      if (response.ok) return
      throw new Error(`S3 answered ${response.status} to the response for CloudFormation`)
    } catch (error) {
      if (attempt === ATTEMPTS) throw error
      await sleep(200 * 2 ** attempt)
    }
  }
}
