import { ClientError } from '../errors.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import type { ReadStream } from './resumable-stream.ts'
import type { McpSession } from './session.ts'

/** The stream of the server's own messages: `GET /mcp`, up to protocol version 2025-11-25. */
export interface GetStream {
  /** Opens the stream of the current session, in place of an earlier one. Never rejects. */
  open(): Promise<void>
  close(reason: Error): void
}

interface GetStreamOptions {
  pending: PendingRequests
  session: McpSession
  readStream: ReadStream
}

export function createGetStream({ pending, session, readStream }: GetStreamOptions): GetStream {
  let current: AbortScope | undefined

  return {
    async open() {
      const { id: sessionId } = session
      const scope = pending.scope()
      current?.abort(new ClientError('connection_closed', 'Another stream replaces this one'))
      current = scope
      const reason = await readStream({
        sessionId,
        signal: scope.signal,
        isOver: () => false,
        canResume: () => true,
        attempts: Number.POSITIVE_INFINITY,
      })
      if (reason) await recover(reason, sessionId, scope)
      scope.release()
    },
    close: reason => current?.abort(reason),
  }

  /** Renews a forgotten session: the client may not send a message that would notice it. */
  async function recover(reason: ClientError, sessionId: string | undefined, scope: AbortScope) {
    let error = reason
    if (session.markForgotten(reason, sessionId))
      try {
        return void (await session.current(scope))
      } catch (failure) {
        error = failure as ClientError
      }
    if (scope.signal.aborted) return
    if (session.isLost(error)) pending.loseSession(error)
    else if (error.status !== 405) pending.report(error) // 405: the server has no such stream
  }
}
