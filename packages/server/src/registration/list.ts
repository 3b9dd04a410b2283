import {
  parseRegistrationId,
  type Registration,
  type RegistrationPage,
  type RegistrationType,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'
import type { Key, Registry } from '../registry/registry.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000
/** The limit of a buffered Function URL response is 6 MB; one item may have 400 KB. */
const MAX_PAGE_BYTES = 5_000_000

/**
 * `GET /register?type=&limit=&cursor=`. A page ends early when the next item would make it too
 * large.
 */
export async function listPage(registry: Registry, query: URLSearchParams): Promise<Response> {
  const type = typeOf(query.get('type'))
  const limit = limitOf(query.get('limit'))
  const after = keyAt(query.get('cursor'), type)

  const items: Registration[] = []
  let bytes = 0
  let more = false
  for await (const registration of registry.list({
    ...(type && { type }),
    ...(after && { after }),
    // One more shows whether there is a next page.
    limit: limit + 1,
  })) {
    bytes += Buffer.byteLength(JSON.stringify(registration))
    more = items.length === limit || bytes > MAX_PAGE_BYTES
    if (more) break
    items.push(registration)
  }
  const last = items.at(-1)
  const page: RegistrationPage = {
    items,
    ...(more && last ? { nextCursor: Buffer.from(last.id).toString('base64url') } : {}),
  }
  return Response.json(page)
}

function typeOf(value: string | null): RegistrationType | undefined {
  if (value === null) return undefined
  const type = TYPES.find(known => known === value)
  if (type) return type
  throw new GatewayError('bad_request', `type is "${value}": send one of ${TYPES.join(', ')}`)
}

function limitOf(value: string | null): number {
  if (value === null) return DEFAULT_LIMIT
  const limit = /^\d{1,4}$/.test(value) ? Number(value) : 0
  if (limit >= 1 && limit <= MAX_LIMIT) return limit
  throw new GatewayError('bad_request', `limit is "${value}": send a number from 1 to ${MAX_LIMIT}`)
}

function keyAt(cursor: string | null, type: RegistrationType | undefined): Key | undefined {
  if (cursor === null) return undefined
  const key = parseRegistrationId(Buffer.from(cursor, 'base64url').toString())
  if (key && (type ?? key.type) === key.type) return key
  throw new GatewayError(
    'bad_request',
    'The cursor does not belong to this list: send nextCursor of the previous page, with the same type',
  )
}
