import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

export const etag = ({ version }: Pick<Registration, 'version'>): string => `"${version}"`

/**
 * What must be true of the stored registration before a write: its version, that there is one, or
 * that there is none. Undefined: nothing.
 */
export type Precondition = number | 'present' | 'absent' | undefined

/**
 * The precondition in `If-Match` or `If-None-Match`. Besides the ETag, a bare number and a weak
 * ETag are allowed: proxies that compress responses make ETags weak.
 */
export function preconditionOf(headers: Headers): Precondition {
  const match = headers.get('if-match')?.trim()
  const noneMatch = headers.get('if-none-match')?.trim()
  if (match !== undefined && noneMatch !== undefined)
    throw new GatewayError(
      'bad_request',
      'If-Match and If-None-Match are both there: send If-Match to replace, or If-None-Match to create',
    )
  if (noneMatch === '*') return 'absent'
  if (noneMatch !== undefined)
    throw new GatewayError(
      'bad_request',
      `If-None-Match is ${JSON.stringify(noneMatch)}: only "*" is accepted, which creates and never replaces`,
    )
  if (match === undefined) return undefined
  if (match === '*') return 'present'
  const [, quoted, bare] = /^(?:(?:W\/)?"(\d{1,15})"|(\d{1,15}))$/.exec(match) ?? []
  const version = quoted ?? bare
  if (version !== undefined) return Number(version)
  throw new GatewayError(
    'bad_request',
    `If-Match is ${JSON.stringify(match)}: send the ETag of a response, which is the version in quotes`,
  )
}
