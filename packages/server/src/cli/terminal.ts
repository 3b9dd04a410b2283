/** Whether a person can answer questions. */
export const isInteractive = () => Boolean(process.stdin.isTTY && process.stdout.isTTY)

/** Why a command that would ask does not run. */
export const NO_TERMINAL = 'There is no terminal to ask on'
export const NO_QUESTIONS = '--json asks no questions'

/**
 * The first Ctrl-C aborts the signal, so that the work can say how to continue. The second one ends
 * the process.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController()
  const stop = () => interrupt.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    return await work(interrupt.signal)
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
  }
}
