import { ClientError } from '../errors.ts'
import { drain } from '../http/bodies.ts'
import { onAbort } from '../http/on-abort.ts'
import { startWatchdog } from '../http/timers.ts'

/** Work that can be aborted from several sides. Call `release()` when it has ended. */
export interface AbortScope {
  readonly signal: AbortSignal
  abort(reason: Error): void
  /** Aborts with a `timeout`, unless the returned function is called before. */
  limit(timeoutMs: number, message: string): () => void
  release(): void
}

/** A timer that is so late was stopped with the machine, or with the process. */
const ASLEEP_MS = 10_000

/** Follows `parent` by a callback: `AbortSignal.any()` on a long-lived signal leaks memory. */
export function createAbortScope(
  parent: AbortSignal | undefined,
  onRelease: () => void,
): AbortScope {
  const controller = new AbortController()
  const watchdogs = new Set<ReturnType<typeof startWatchdog>>()
  const follow = () =>
    controller.abort(
      parent?.reason instanceof ClientError
        ? parent.reason
        : new ClientError('connection_closed', 'The request was cancelled', {
            cause: parent?.reason,
          }),
    )
  const stopFollowing = parent ? onAbort(parent, follow) : () => {}

  return {
    signal: controller.signal,
    abort: reason => controller.abort(reason),
    limit(timeoutMs, message) {
      let begunAt = Date.now()
      const watchdog = startWatchdog(timeoutMs, () => {
        const isLate = Date.now() - begunAt > timeoutMs + ASLEEP_MS
        begunAt = Date.now()
        // The server has not been slow: this machine slept. The time begins again.
        if (isLate) watchdog.restart()
        else controller.abort(new ClientError('timeout', message, { retryable: false }))
      })
      watchdogs.add(watchdog)
      return () => {
        watchdog.stop()
        watchdogs.delete(watchdog)
      }
    },
    release() {
      for (const watchdog of watchdogs) watchdog.stop()
      stopFollowing()
      onRelease()
    },
  }
}

/**
 * Resolves when the server has accepted a message whose response has no content. The body is read,
 * so that the connection can be used again, but not awaited: the server may hold it open for
 * minutes.
 */
export async function untilAccepted(accepted: Promise<Response>, scope: AbortScope): Promise<void> {
  try {
    const response = await accepted
    void drain(response).finally(scope.release)
  } catch (error) {
    scope.release()
    throw error
  }
}
