import { environmentVariable } from '../environment.ts'
import { ClientError } from '../errors.ts'

/** The credential scope of a signature: the region and the service that it is valid for. */
export interface Scope {
  region: string
  service: string
}

export interface ScopeOptions {
  /** For a host that does not name its region, such as a custom domain or the local gateway. */
  region?: string
  /** For such a host. @default 'lambda' */
  service?: string
  /** The region of this profile is the last one that is tried. */
  profile?: string
}

/**
 * A Function URL is `<id>.lambda-url.<region>.on.aws` wherever AWS documents one. AWS documents
 * none for China, the European Sovereign Cloud and the isolated partitions. So their DNS suffixes
 * are accepted too, with and without `on`, as the SDKs list them:
 * https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
 */
const SUFFIXES = [
  'aws',
  'amazonaws.com',
  ...['amazonaws.com.cn', 'amazonwebservices.com.cn'],
  ...['amazonaws.eu', 'amazonwebservices.eu'],
  ...['c2s.ic.gov', 'aws.ic.gov', 'sc2s.sgov.gov', 'aws.scloud'],
  ...['cloud.adc-e.uk', 'cloud-aws.adc-e.uk', 'csp.hci.ic.gov', 'aws.hci.ic.gov'],
]

const FUNCTION_URL = new RegExp(
  `^[a-z0-9-]+\\.lambda-url\\.([a-z]{2,4}(?:-[a-z]+)+-\\d+)\\.(?:on\\.)?(?:${SUFFIXES.join('|').replaceAll('.', '\\.')})$`,
)

/** The region that the host of a Function URL names. Undefined for any other host. */
export const regionOfFunctionUrl = ({ hostname }: URL): string | undefined =>
  FUNCTION_URL.exec(hostname)?.[1]

/**
 * Region and service of a signature. The host of a Function URL names the region and goes before
 * the options; then come `AWS_REGION`, `AWS_DEFAULT_REGION` and the profile. There is no default
 * region, since AWS refuses a wrong one as a bad signature.
 */
export async function scopeOf(
  url: URL,
  { region, service = 'lambda', profile }: ScopeOptions,
): Promise<Scope> {
  const regionOfHost = regionOfFunctionUrl(url)
  if (regionOfHost) return { region: regionOfHost, service: 'lambda' }

  const found =
    region ||
    environmentVariable('AWS_REGION') ||
    environmentVariable('AWS_DEFAULT_REGION') ||
    (await regionOfProfile(profile))
  if (!found)
    throw new ClientError('missing_region', `The host ${url.hostname} does not name an AWS region`)
  return { region: found, service }
}

async function regionOfProfile(profile = environmentVariable('AWS_PROFILE') || 'default') {
  const platform = await import('../platform/node.ts')
  return platform.regionOfProfile(profile)
}

/** The URL of `GET /sse`, from the gateway's URL with or without `/sse`. Keeps prefix and query. */
export const sseUrl = (gateway: string | URL) => endpointOf(gateway, '/sse')

/** The URL of Streamable HTTP, from the gateway's URL with or without `/mcp`. */
export const mcpUrl = (gateway: string | URL) => endpointOf(gateway, '/mcp')

function endpointOf(gateway: string | URL, endpoint: string): URL {
  const url = parseUrl(gateway)
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = path.endsWith(endpoint) ? path : `${path}${endpoint}`
  url.hash = ''
  assertSecure(url)
  return url
}

/** The gateway's URL, from a URL with or without `/sse` or `/mcp`. */
export function gatewayUrl(endpoint: string | URL): URL {
  const url = parseUrl(endpoint)
  url.pathname = url.pathname.replace(/\/(sse|mcp)\/*$/, '')
  return url
}

function parseUrl(url: string | URL): URL {
  if (URL.canParse(url)) return new URL(url)
  throw new ClientError('invalid_url', `Not an absolute URL: ${JSON.stringify(url)}`)
}

/**
 * A header carries the session token, so plain http is allowed for this machine only. `fetch` sends
 * no user name of a URL.
 */
export function assertSecure(url: URL): void {
  const { protocol, origin, username, password } = url
  if (username || password)
    throw new ClientError(
      'invalid_url',
      `The URL of ${origin} has a user name or a password, which a signed request cannot carry`,
    )
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(url))) return
  throw new ClientError('invalid_url', `Refused to sign a request to ${origin}: it is not https`)
}

/** Whether the host is this machine. */
export const isLoopback = ({ hostname }: URL) => LOOPBACK.test(hostname)

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/
