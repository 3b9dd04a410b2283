import { setTimeout as sleep } from 'node:timers/promises'

import { type AwsOptions, awsRequest } from './aws-request.ts'

export interface LogEvent {
  eventId: string
  /** Milliseconds since 1970. */
  timestamp: number
  message: string
}

interface LogQuery {
  logGroup: string
  region?: string | undefined
  /** Milliseconds since 1970. */
  since: number
  /** Waits for new events until the signal is aborted. */
  follow: boolean
  signal?: AbortSignal
}

/** Events arrive late in CloudWatch: this far back is read again. */
const OVERLAP_MS = 10_000
const POLL_MS = 2_000

/** The events of a log group, in the order in which CloudWatch gives them, each one once. */
export async function* logEvents(
  options: AwsOptions,
  { logGroup, region, since, follow, signal }: LogQuery,
): AsyncGenerator<LogEvent> {
  let from = since
  let seen = new Map<string, number>()
  do {
    let nextToken: string | undefined
    let latest = from
    do {
      const page = JSON.parse(await read(from, nextToken))
      for (const event of (page.events ?? []) as LogEvent[]) {
        latest = Math.max(latest, event.timestamp)
        if (seen.has(event.eventId)) continue
        seen.set(event.eventId, event.timestamp)
        yield event
      }
      nextToken = page.nextToken
    } while (nextToken)
    if (!follow || signal?.aborted) return
    from = Math.max(since, latest - OVERLAP_MS)
    seen = new Map([...seen].filter(([, at]) => at >= from))
    await sleep(POLL_MS, undefined, signal && { signal }).catch(() => {
      // Aborted: the loop ends below.
    })
  } while (!signal?.aborted)

  function read(startTime: number, nextToken: string | undefined): Promise<string> {
    return awsRequest(options, {
      service: 'logs',
      region,
      body: JSON.stringify({ logGroupName: logGroup, startTime, ...(nextToken && { nextToken }) }),
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Logs_20140328.FilterLogEvents',
      },
    })
  }
}
