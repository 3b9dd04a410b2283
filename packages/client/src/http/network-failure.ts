/**
 * Why a request failed on the network. The message of `fetch` says only "fetch failed"; the error
 * of the system is its cause. Where several addresses were tried, that one has a code and no
 * message.
 */
export function networkFailure(error: unknown): { code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) }
  const inner: Error & { code?: unknown } = error.cause instanceof Error ? error.cause : error
  const code = typeof inner.code === 'string' ? inner.code : undefined
  return { code, message: inner.message || code || error.message }
}

/** The connection failed before the first byte of the request was sent. */
export const isBeforeSending = (code: string | undefined) => BEFORE_SENDING.has(code ?? '')

const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
