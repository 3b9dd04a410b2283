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

/**
 * Whether the network is the reason. The AWS SDK wraps some errors in one that has only their
 * message; `fetch` has a message of its own in each browser.
 */
export function isNetworkFailure(error: unknown): boolean {
  const { code = '', message } = networkFailure(error)
  const isTimeout = error instanceof Error && error.name === 'TimeoutError'
  return isTimeout || NETWORK.test(`${code} ${message}`)
}

const NETWORK =
  /\b(E(NOTFOUND|AI_AGAIN|CONN(REFUSED|RESET|ABORTED)|TIMEDOUT|(NET|HOST)UNREACH|NETDOWN|PIPE)|UND_ERR_\w+)\b|^ (fetch failed|Failed to fetch|NetworkError when|Load failed)/

/** The connection failed before the first byte of the request was sent. */
export const isBeforeSending = (code: string | undefined) => BEFORE_SENDING.has(code ?? '')

const BEFORE_SENDING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
