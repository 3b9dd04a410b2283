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

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html */
const MAX_BYTES = 4_096
const ATTEMPTS = 4

/**
 * Sends the outcome to the presigned URL of the event. Repeats it: without a response the stack
 * waits for an hour.
 */
export async function sendOutcome(
  event: CustomResourceEvent,
  outcome: Outcome,
  send: typeof fetch = fetch,
): Promise<void> {
  const { ResponseURL } = event
  const body = bodyOf(event, outcome)
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

function bodyOf(
  { StackId, RequestId, LogicalResourceId }: CustomResourceEvent,
  { isSuccess, reason, physicalResourceId, data = {} }: Outcome,
): string {
  const response = {
    Status: isSuccess ? 'SUCCESS' : 'FAILED',
    PhysicalResourceId: physicalResourceId,
    StackId,
    RequestId,
    LogicalResourceId,
    Data: data,
  }
  if (reason === undefined) return JSON.stringify(response)
  const room = MAX_BYTES - bytesOf({ ...response, Reason: '' })
  return JSON.stringify({ ...response, Reason: cut(reason, room) })
}

/** As much of a text as takes this many bytes inside JSON. */
export function cut(text: string, maxBytes: number): string {
  let bytes = 0
  let result = ''
  for (const character of text) {
    bytes += bytesOf(character) - QUOTES
    if (bytes > maxBytes) return result
    result += character
  }
  return result
}

const QUOTES = 2
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))
