import { GatewayError } from './errors.ts'

/**
 * Throws 403 for a request of a web page, unless its `Origin` is the gateway's own or one of
 * `allowed`. An origin is a scheme, a host and a port. A host without a scheme in `allowed` stands
 * for http and https, and without a port for every port.
 */
export function createOriginCheck(allowed: readonly string[]): (request: Request) => void {
  const normal = new Set(allowed.map(normalized))

  return ({ url, headers }) => {
    const origin = headers.get('origin')
    if (!origin || isOwn(origin, url) || formsOf(origin).some(it => normal.has(it))) return
    throw new GatewayError(
      'access_denied',
      'Web pages of this origin may not call the gateway: add the origin to the parameter AllowedOrigins of the stack',
    )
  }
}

/** Without a trailing slash and a default port, in lower case. */
function normalized(text: string): string {
  if (!text.includes('://') || !URL.canParse(text)) return text.toLowerCase()
  const { protocol, host } = new URL(text)
  return `${protocol}//${host}`
}

/** The entries that allow an origin. `null`, as sandboxed pages send it, has none. */
function formsOf(origin: string): string[] {
  if (!URL.canParse(origin)) return []
  const { protocol, host, hostname } = new URL(origin)
  return /^https?:$/.test(protocol)
    ? [`${protocol}//${host}`, host, hostname]
    : [`${protocol}//${host}`]
}

/** The own page of a Function URL is https. Only the local gateway is plain http. */
function isOwn(origin: string, url: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, host, hostname } = new URL(origin)
  const isTrusted = protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))
  return isTrusted && host === new URL(url).host
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/
