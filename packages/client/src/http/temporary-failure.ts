/** The codes of failures after which the same request can succeed. */
export const TEMPORARY: ReadonlySet<string> = new Set([
  'connection_failed',
  'rate_limited',
  'server_error',
  'service_unavailable',
  'timeout',
])

/** The codes of failures after which a stream can be opened again. */
export const STREAM_TEMPORARY: ReadonlySet<string> = new Set([...TEMPORARY, 'connection_closed'])
