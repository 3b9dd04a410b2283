import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

export const etag = ({ version }: Pick<Registration, 'version'>): string => `"${version}"`

/**
 * The version in `If-Match`; undefined for any version. Besides the ETag, a bare number and a weak
 * ETag are allowed: proxies that compress responses make ETags weak.
 */
export function ifMatch(headers: Headers): number | undefined {
  const value = headers.get('if-match')?.trim()
  if (value === undefined || value === '*') return undefined
  const [, quoted, bare] = /^(?:(?:W\/)?"(\d{1,15})"|(\d{1,15}))$/.exec(value) ?? []
  const version = quoted ?? bare
  if (version !== undefined) return Number(version)
  throw new GatewayError(
    'bad_request',
    `If-Match is ${JSON.stringify(value)}: send the ETag of a response, which is the version in quotes`,
  )
}
