const BASE_MS = 100
const CAP_MS = 3_000
const LONG_CAP_MS = 30_000
const QUICK_ATTEMPTS = 8

/**
 * How long to wait before a broken stream is asked for again, in milliseconds: full jitter, and never
 * less than a tenth of a second, or a server that says `retry: 0` and hangs up gets hundreds of
 * requests a second. `asked` is the `retry:` of the stream, which goes before a shorter delay.
 */
export function reconnectDelay(failures: number, asked = 0): number {
  const cap = failures > QUICK_ATTEMPTS ? LONG_CAP_MS : CAP_MS
  const backoff = Math.random() * Math.min(cap, BASE_MS * 2 ** failures)
  return Math.max(BASE_MS, backoff, Math.min(asked, LONG_CAP_MS))
}
