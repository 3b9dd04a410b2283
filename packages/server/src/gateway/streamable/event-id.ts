import { randomBytes } from 'node:crypto'

import type { RequestId } from '@modelcontextprotocol/server'

import type { Beginning } from '../../session-table/event-store.ts'
import { isRequestId } from '../wire/jsonrpc.ts'

/** The place of an event on a response stream. */
export interface EventPlace {
  stream: string
  /** The number of messages that were sent up to this event. */
  sequence: number
  /** Only the first event tells it: nothing may be stored of the stream yet. */
  beginning?: Beginning
}

/** Longer ids of requests do not go into an event id, which clients send back as a header. */
const MAX_REQUESTS_LENGTH = 400

const FORMAT = /^([\w-]{16})\.(\d{1,12})(?:\.(\d{1,12})\.([\w-]{1,400}))?$/

export const createStreamName = () => randomBytes(12).toString('base64url')

export const eventId = (stream: string, sequence: number) => `${stream}.${sequence}`

/**
 * The id of the event that comes before any message. Undefined where the ids of the requests are
 * too long for it.
 */
export function firstEventId(stream: string, beginning: Beginning): string | undefined {
  const requests = Buffer.from(JSON.stringify(beginning.requests)).toString('base64url')
  return requests.length > MAX_REQUESTS_LENGTH
    ? undefined
    : `${eventId(stream, 0)}.${beginning.startedAt}.${requests}`
}

/**
 * The place that a `Last-Event-ID` names. Undefined for other texts. A client can invent one: it
 * waits for a lease, and is then told that nothing is known of its own requests.
 */
export function eventPlace(id: string): EventPlace | undefined {
  const [, stream, sequence, startedAt, requests] = FORMAT.exec(id) ?? []
  if (!stream) return undefined
  const place = { stream, sequence: Number(sequence) }
  if (startedAt === undefined || requests === undefined) return place
  const ids = requestIdsIn(Buffer.from(requests, 'base64url').toString())
  return ids && { ...place, beginning: { startedAt: Number(startedAt), requests: ids } }
}

function requestIdsIn(text: string): RequestId[] | undefined {
  try {
    const ids: unknown = JSON.parse(text)
    return Array.isArray(ids) && ids.every(isRequestId) ? ids : undefined
  } catch {
    return undefined // not made by this server
  }
}
