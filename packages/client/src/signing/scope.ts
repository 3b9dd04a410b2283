import { loadSharedConfigFiles } from '@smithy/core/config'

import { ClientError } from '../errors.ts'

/** What a signature is made for. */
export interface Scope {
  region: string
  service: string
}

export interface ScopeOptions {
  /** Of a URL whose host does not name it, such as a custom domain or the local gateway. */
  region?: string
  /** Likewise. @default 'lambda' */
  service?: string
  /** Its region is the last place to look. */
  profile?: string
}

const FUNCTION_URL = /^[a-z0-9-]+\.lambda-url\.([a-z]{2}(?:-[a-z]+)+-\d+)\.on\.aws$/

/**
 * Region and service of a signature. The host of a Function URL is a fact, so it goes before the
 * options; then `AWS_REGION`, `AWS_DEFAULT_REGION` and the profile. A region is never guessed: the
 * refusal of a wrong one reads as if the key were bad.
 */
export async function scopeOf(
  { hostname }: URL,
  { region, service = 'lambda', profile }: ScopeOptions,
): Promise<Scope> {
  const [, regionOfHost] = FUNCTION_URL.exec(hostname) ?? []
  if (regionOfHost) return { region: regionOfHost, service: 'lambda' }

  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env
  const found = region || AWS_REGION || AWS_DEFAULT_REGION || (await regionOfProfile(profile))
  if (!found)
    throw new ClientError('missing_region', `The host ${hostname} does not name an AWS region`)
  return { region: found, service }
}

async function regionOfProfile(profile = process.env['AWS_PROFILE'] || 'default') {
  const { configFile, credentialsFile } = await loadSharedConfigFiles()
  return configFile[profile]?.['region'] || credentialsFile[profile]?.['region']
}

/** Where `GET /sse` goes: the gateway's URL with or without `/sse`, its path prefix and query kept. */
export const sseUrl = (gateway: string | URL) => endpointOf(gateway, '/sse')

/** Likewise for Streamable HTTP. */
export const mcpUrl = (gateway: string | URL) => endpointOf(gateway, '/mcp')

function endpointOf(gateway: string | URL, endpoint: string): URL {
  const url = parsed(gateway)
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = path.endsWith(endpoint) ? path : `${path}${endpoint}`
  url.hash = ''
  assertSecure(url)
  return url
}

/** The gateway's URL without the endpoint that it may name. */
export function gatewayUrl(endpoint: string | URL): URL {
  const url = parsed(endpoint)
  url.pathname = url.pathname.replace(/\/(sse|mcp)\/*$/, '')
  return url
}

function parsed(url: string | URL): URL {
  if (URL.canParse(url)) return new URL(url)
  throw new ClientError('invalid_url', `Not an absolute URL: ${JSON.stringify(url)}`)
}

/** The session token travels in a header, so plain http is for this machine only. */
export function assertSecure({ protocol, hostname, origin }: URL): void {
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))) return
  throw new ClientError('invalid_url', `Refused to sign a request to ${origin}: not https`)
}

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/
