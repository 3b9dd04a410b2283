import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

export const etag = ({ version }: Pick<Registration, 'version'>): string => `"${version}"`

/**
 * The version that `If-Match` asks for; undefined for any. Besides the ETag it may be the bare number, and
 * weak, as proxies that compress make it.
 */
export function ifMatch(headers: Headers): number | undefined {
  const value = headers.get('if-match')?.trim()
  if (value === undefined || value === '*') return undefined
  const [, quoted, bare] = /^(?:(?:W\/)?"(\d{1,15})"|(\d{1,15}))$/.exec(value) ?? []
  const version = quoted ?? bare
  if (version !== undefined) return Number(version)
  throw new GatewayError(
    'bad_request',
    `If-Match is ${JSON.stringify(value)}: the version in quotes is expected, as the ETag of an answer gives it`,
  )
}
