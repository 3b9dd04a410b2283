import { isRecord } from '../is-record.ts'
import { AwsError, parseJson } from './aws-error.ts'
import { decodeEventStream, type EventStreamMessage } from './event-stream.ts'
import type { ServiceResponse } from './service-response.ts'

/** A piece of a function's output, or what became of the function at the end. */
export type InvokeEvent = { chunk: Buffer } | { complete: InvokeComplete }

export interface InvokeComplete {
  ErrorCode?: string
  ErrorDetails?: string
}

/** The events of a response to InvokeWithResponseStream. */
export async function* eventsOf(
  response: ServiceResponse,
  signal: AbortSignal,
): AsyncGenerator<InvokeEvent> {
  try {
    for await (const message of decodeEventStream(response)) {
      const event = toEvent(message)
      if (event) yield event
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  }
}

/** Undefined for a kind of event that is not known yet. */
function toEvent({ headers, payload }: EventStreamMessage): InvokeEvent | undefined {
  switch (headers[':event-type']) {
    case 'PayloadChunk':
      return { chunk: payload }
    case 'InvokeComplete': {
      const complete = payload.length > 0 ? parseJson(payload, 200) : {}
      if (complete instanceof AwsError) throw complete
      return { complete: isRecord(complete) ? complete : {} }
    }
    default:
      return undefined
  }
}
