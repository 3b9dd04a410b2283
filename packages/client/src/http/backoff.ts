const BASE_MS = 100
const CAP_MS = 1_000
const LONG_CAP_MS = 30_000
/** After more failures in a row the cap doubles with each. */
export const QUICK_ATTEMPTS = 8

/**
 * Milliseconds until a broken stream is opened again: full jitter, at least 100 ms. Without that
 * minimum a server that sends `retry: 0` and hangs up would get hundreds of requests a second.
 * `retryMs` is the `retry:` of the stream; the longer delay wins.
 */
export function reconnectDelay(failures: number, retryMs = 0): number {
  const cap = Math.min(LONG_CAP_MS, CAP_MS * 2 ** Math.max(0, failures - QUICK_ATTEMPTS))
  const backoff = Math.random() * Math.min(cap, BASE_MS * 2 ** failures)
  return Math.max(BASE_MS, backoff, Math.min(retryMs, LONG_CAP_MS))
}
