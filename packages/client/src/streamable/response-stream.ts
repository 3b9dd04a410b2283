import { type PendingRequests, runHandler } from '../transport/pending-requests.ts'
import type { Body, ReadStream, ResumableStream } from './resumable-stream.ts'
import type { OutgoingRequest } from './send-options.ts'
import type { McpSession } from './session.ts'

interface ResponseStreamOptions {
  pending: PendingRequests
  session: McpSession
  readStream: ReadStream
}

/**
 * Reads the stream of a request until its response has come or can no longer come. Without a body
 * it resumes the stream. Never rejects.
 */
export type ReadResponseStream = (request: OutgoingRequest, body?: Body) => Promise<void>

export function createResponseReader({
  pending,
  session,
  readStream,
}: ResponseStreamOptions): ReadResponseStream {
  return async (request, body) => {
    const { id, sessionId, options } = request
    const { onRequestStreamEnd } = options
    const reason = await readStream(toStream(request), body)
    if (pending.signal.aborted) return
    const isForgotten = session.markForgotten(reason, sessionId)
    if (reason && !isForgotten && session.isLost(reason)) return pending.loseSession(reason)
    if (!reason && pending.isPending(id)) return pending.forget(id) // cancelled
    // A subscription has no response; the callback tells the client that its stream has ended.
    if (reason && onRequestStreamEnd) pending.forget(id)
    else if (reason) pending.loseStream(id, reason)
    if (onRequestStreamEnd) runHandler(onRequestStreamEnd)
  }

  function toStream({ id, scope, isStateless, sessionId, options }: OutgoingRequest) {
    const { resumptionToken, onresumptiontoken } = options
    const hasResponse = () => !pending.isPending(id)
    let isLingering = false
    const stream: ResumableStream = {
      signal: scope.signal,
      sessionId,
      lastEventId: resumptionToken,
      // A client that resumes in a new process gives the request another id.
      requestId: resumptionToken === undefined ? undefined : id,
      onEventId: onresumptiontoken,
      onEvent: () => {
        if (isLingering || !hasResponse()) return
        // Messages after the response are delivered, but the stream does not stay open for them.
        isLingering = true
        scope.limit(LINGER_MS, 'The response has come')
      },
      isOver: hasResponse,
      canResume: () =>
        !isStateless && stream.lastEventId !== undefined && !session.isForgotten(sessionId),
      attempts: MAX_RESUMPTIONS,
    }
    return stream
  }
}

const LINGER_MS = 5_000
const MAX_RESUMPTIONS = 10
