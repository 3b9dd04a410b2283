import { onAbort } from './on-abort.ts'

/**
 * `promise`, or the signal's reason where that comes first: a provider of credentials takes no
 * signal.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = onAbort(signal, () => reject(signal.reason))
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    stop()
  }
}
