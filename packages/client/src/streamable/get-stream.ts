import { ClientError, type ClientErrorCode } from '../errors.ts'
import type { AbortScope } from '../transport/abort-scope.ts'
import type { PendingRequests } from '../transport/pending-requests.ts'
import type { ReadStream } from './resumable-stream.ts'
import type { McpSession } from './session.ts'

/** The stream of the server's own messages: `GET /mcp`, up to protocol version 2025-11-25. */
export interface GetStream {
  /** Opens the stream of the current session, in place of an earlier one. Never rejects. */
  open(): Promise<void>
  /** Opens it again where it ended for want of credentials, which a message has had since. */
  reopen(): void
  close(reason: Error): void
}

interface GetStreamOptions {
  pending: PendingRequests
  session: McpSession
  readStream: ReadStream
}

export function createGetStream({ pending, session, readStream }: GetStreamOptions): GetStream {
  let current: AbortScope | undefined
  let needsCredentials = false

  const stream: GetStream = {
    async open() {
      needsCredentials = false
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
    reopen() {
      if (needsCredentials) void stream.open()
    },
    close(reason) {
      needsCredentials = false
      current?.abort(reason)
    },
  }
  return stream

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
    needsCredentials = OF_CREDENTIALS.has(error.code)
    if (session.isLost(error)) pending.loseSession(error)
    else if (error.status !== 405) pending.report(error) // 405: the server has no such stream
  }
}

/** A new login, or a clock that is set, mends these. */
const OF_CREDENTIALS: ReadonlySet<string> = new Set([
  'clock_skew',
  'expired_token',
  'invalid_credentials',
  'no_credentials',
  'signature_mismatch',
] satisfies ClientErrorCode[])
