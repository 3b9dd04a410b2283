/**
 * Why a request failed on the network. The message of `fetch` says only "fetch failed"; the error
 * of the system is its cause. Where several addresses were tried, that one has a code and no
 * message.
 */
export function networkFailure(error: unknown): { code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) }
  const inner: Error & { code?: unknown } = error.cause instanceof Error ? error.cause : error
  const code = typeof inner.code === 'string' ? inner.code : undefined
  return { code, message: withoutHeader(inner.message) || code || error.message }
}

/** The error of `fetch` for a header with a line break shows its value, which may be a secret. */
const withoutHeader = (message: string) =>
  message.replace(HEADER_VALUE, 'a header has an invalid value')

const HEADER_VALUE = /".*" is an invalid header value/s

/** `error` as the cause of another one, which a log shows too. */
export const causeOf = (error: unknown): unknown =>
  error instanceof Error && HEADER_VALUE.test(error.message) ? undefined : error

/** The connection failed before the first byte of the request was sent. */
export const isBeforeSending = (code: string | undefined) => BEFORE_SENDING.has(code ?? '')

const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
