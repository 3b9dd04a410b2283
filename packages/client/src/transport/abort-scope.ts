import { ClientError } from '../errors.ts'
import { drain } from '../http/bodies.ts'

/** Something under way that can be ended from several sides. `release()` it when it is over. */
export interface Task {
  readonly signal: AbortSignal
  abort(reason: Error): void
  /** Aborts with a `timeout` unless what is returned is called in time. */
  limit(timeoutMs: number, message: string): () => void
  release(): void
}

/**
 * Ends with `parent`, by hand: `AbortSignal.any()` on a signal that lives long leaks some bytes with
 * every request.
 */
export function createTask(parent: AbortSignal | undefined, onRelease: () => void): Task {
  const controller = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  const follow = () =>
    controller.abort(
      parent?.reason instanceof ClientError
        ? parent.reason
        : new ClientError('connection_closed', 'The request was cancelled', {
            cause: parent?.reason,
          }),
    )
  if (parent?.aborted) follow()
  else parent?.addEventListener('abort', follow)

  return {
    signal: controller.signal,
    abort: reason => controller.abort(reason),
    limit(timeoutMs, message) {
      const timer = setTimeout(() => {
        controller.abort(new ClientError('timeout', message, { retryable: false }))
      }, timeoutMs).unref()
      timers.add(timer)
      return () => {
        clearTimeout(timer)
        timers.delete(timer)
      }
    },
    release() {
      for (const timer of timers) clearTimeout(timer)
      parent?.removeEventListener('abort', follow)
      onRelease()
    },
  }
}

/**
 * For a message that is answered by its status alone. The body is read for the sake of the connection,
 * which can then be used again, and not waited for: it may be held open for minutes.
 */
export async function untilTaken(taken: Promise<Response>, task: Task): Promise<void> {
  try {
    const response = await taken
    void drain(response).finally(task.release)
  } catch (error) {
    task.release()
    throw error
  }
}
