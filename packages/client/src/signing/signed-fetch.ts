import { ClientError } from '../errors.ts'
import { discard } from '../http/bodies.ts'
import { unlessAborted } from '../http/unless-aborted.ts'
import { type CredentialOptions, type Credentials, credentialSource } from './credentials.ts'
import { assertSecure, type Scope, type ScopeOptions, scopeOf } from './scope.ts'
import { rememberSecrets } from './sent-secrets.ts'

export interface SigningOptions extends ScopeOptions, CredentialOptions {
  /** Sends the signed requests. @default globalThis.fetch */
  fetch?: typeof fetch
}

/**
 * A `fetch` that signs every request with AWS Signature Version 4, for IAM-protected Function URLs.
 * Resolves with the response of any status. A 403 is repaired where possible, once for each cause:
 * a wrong clock of this machine, and credentials that have been replaced since.
 *
 * - The body is read into memory before it is sent, since its hash is part of the signature.
 * - The query is sent in the encoding that is signed (RFC 3986); `+` is read as a space.
 * - Redirects are refused: following one would give the session token to another host.
 * - A request with an `Authorization` header is sent with that header, unsigned.
 *
 * Rejects with a `ClientError` (`missing_region`, `no_credentials`, `invalid_url`,
 * `redirect_refused`, `connection_failed` for credentials that the network keeps away), otherwise
 * as `fetch` does. `readRefusal` reads a response without success.
 */
export function signedFetch(options: SigningOptions = {}): typeof fetch {
  const { fetch: send = globalThis.fetch } = options
  const credentials = credentialSource(options)
  let clockOffset = 0

  return async (input, init) => {
    const signal = init?.signal ?? (input instanceof Request ? input.signal : null)
    const response = signAndSend(signal, input, init)
    return signal ? unlessAborted(response, signal) : response
  }

  async function signAndSend(
    signal: AbortSignal | null,
    ...[input, init]: Parameters<typeof fetch>
  ): Promise<Response> {
    const request = await toSignable(input, init)
    if (request.headers.has('authorization')) return deliver(request.headers)

    const scope = await scopeOf(request.url, options)
    let offset = clockOffset
    let identity = await credentials.current()
    let response = await attempt()

    const skew = skewOf(response, offset)
    if (skew !== undefined) {
      // Several requests can be refused at the same time. Only the first one corrects the clock; a
      // second correction on top would make it wrong again.
      if (clockOffset === offset) clockOffset = skew
      offset = clockOffset
      response = await again(response)
    }
    if (response.status === 403) {
      const replaced = await credentials.replacementOf(identity)
      if (replaced) {
        identity = replaced
        response = await again(response)
      }
    }
    return response

    async function attempt() {
      return deliver(await sign(request, scope, identity, new Date(Date.now() + offset)))
    }

    async function again(refused: Response) {
      discard(refused)
      return attempt()
    }

    async function deliver(headers: Headers) {
      const { url, method, body } = request
      const response = await send(url, {
        ...init,
        method,
        headers,
        body,
        signal,
        redirect: 'manual',
      })
      rememberSecrets(response, headers)
      return refuseRedirect(response, url)
    }
  }
}

interface Signable {
  url: URL
  /** The decoded parameters of `url`, in order. */
  query: [string, string][]
  method: string
  headers: Headers
  body: Uint8Array<ArrayBuffer> | null
}

async function toSignable(...[input, init]: Parameters<typeof fetch>): Promise<Signable> {
  // The error of `Request` for a URL with a password would show it.
  if (!(input instanceof Request) && URL.canParse(input)) assertSecure(new URL(input))
  // Without the signal: a Request stays registered on a signal, which may be long-lived.
  const request = new Request(input, { ...init, signal: null })
  const url = new URL(request.url)
  assertSecure(url)
  const query = [...url.searchParams]
  url.search = query.map(([key, value]) => `${encode(key)}=${encode(value)}`).join('&')
  url.hash = ''
  // Not `request.body`, which Firefox does not have.
  const bytes = new Uint8Array(await request.arrayBuffer())
  const body = bytes.length > 0 ? bytes : null
  return { url, query, method: request.method, headers: new Headers(request.headers), body }
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

async function sign(
  { url, query, method, headers, body }: Signable,
  scope: Scope,
  credentials: Credentials,
  signingDate: Date,
): Promise<Headers> {
  assertSendable(credentials)
  // Loaded for the first signature: most of the time of an import of this package.
  const { SignatureV4, Sha256 } = await import('../platform/node.ts')
  const signer = new SignatureV4({ ...scope, credentials, sha256: Sha256, applyChecksum: false })
  const signed = await signer.sign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: grouped(query),
      // smithy signs the host only where it is among the headers, port included.
      headers: { ...Object.fromEntries([...headers].filter(isSigned)), host: url.host },
      body,
    },
    { signingDate },
  )
  const sent = new Headers([...headers].filter(header => !isGenerated(header)))
  for (const [name, value] of Object.entries(signed.headers)) sent.set(name, value)
  sent.delete('host') // fetch sets it from the URL
  return sent
}

/** The error of `fetch` for a header that cannot be sent would show its value. */
function assertSendable({ accessKeyId, sessionToken = '' }: Credentials): void {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(accessKeyId + sessionToken)) return
  throw new ClientError(
    'invalid_credentials',
    'The access key id or the session token has a character that no HTTP header can have, such as a line break',
  )
}

/** The other headers stay unsigned, since proxies and fetch itself may change them. */
function isSigned(header: [string, string]): boolean {
  const [name] = header
  return SIGNED.test(name) && !isGenerated(header)
}

const SIGNED = /^(content-type|last-event-id|idempotency-key|mcp-.*|x-amz-.*)$/

/** The headers of a signature. A request that is sent again may carry those of an earlier one. */
const isGenerated = ([name]: [string, string]) =>
  ['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'].includes(name)

function grouped(query: [string, string][]): Record<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [key, value] of query) groups.set(key, [...(groups.get(key) ?? []), value])
  return Object.fromEntries(groups)
}

function refuseRedirect(response: Response, { origin }: URL): Response {
  const { status, headers, type } = response
  if (type !== 'opaqueredirect' && ![301, 302, 303, 307, 308].includes(status)) return response
  discard(response)
  const location = headers.get('location')
  throw new ClientError(
    'redirect_refused',
    `${origin} answered with a redirect${location ? ` to ${withoutQuery(location, origin)}` : ''}; signed requests do not follow redirects`,
    { status },
  )
}

function withoutQuery(location: string, base: string): string {
  if (!URL.canParse(location, base)) return 'an invalid URL'
  const { origin, pathname } = new URL(location, base)
  return `${origin}${pathname}`
}

// AWS refuses a signature that is five minutes off. The limit is lower, since the Date of a
// response has whole seconds and arrives late; a correct clock never reaches it.
const SKEW_MS = 4 * 60_000

/** The clock of the server minus ours, in milliseconds, where this explains the refusal. */
function skewOf(response: Response, offset: number): number | undefined {
  if (response.status !== 403) return undefined
  const skew = Date.parse(response.headers.get('date') ?? '') - Date.now()
  return Math.abs(skew - offset) >= SKEW_MS ? skew : undefined
}
