/** Headers of one connection: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** What the client sends to the proxy alone. */
const NOT_FORWARDED = [
  'accept-encoding',
  'authorization',
  'content-length',
  'cookie',
  'expect',
  'host',
  'origin',
  'referer',
]

/** The headers of a client's request, for the gateway. `added` replaces those of the same name. */
export function forwardedHeaders(raw: string[], added: [string, string][]): Headers {
  const headers = new Headers()
  const dropped = new Set([...HOP_BY_HOP, ...NOT_FORWARDED])
  for (let at = 0; at < raw.length; at += 2)
    if (raw[at]?.toLowerCase() === 'connection')
      for (const name of (raw[at + 1] ?? '').split(',')) dropped.add(name.trim().toLowerCase())
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? ''
    if (!dropped.has(name.toLowerCase())) headers.append(name, raw[at + 1] ?? '')
  }
  for (const [name, value] of added) headers.set(name, value)
  // A compressed stream might wait for more bytes before it can be read.
  headers.set('accept-encoding', 'identity')
  return headers
}

/** The headers of the gateway's response, for the client. */
export function returnedHeaders(response: Response): [string, string][] {
  const dropped = new Set(HOP_BY_HOP)
  // fetch has decoded the body.
  if (response.headers.has('content-encoding'))
    for (const name of ['content-encoding', 'content-length']) dropped.add(name)
  return [...response.headers].filter(([name]) => !dropped.has(name))
}
