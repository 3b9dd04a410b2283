import {
  parseLambdaArn,
  type Registration,
  registrationId,
  TYPES,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import type { Item } from '../dynamodb/dynamodb.ts'

import { isRecord } from '../is-record.ts'

export type Row = Item

export const toKey = ({ type, name }: { type: string; name: string }) => ({
  type: { S: type },
  name: { S: name },
})

/** The row that holds the two counters of the registry version. */
export const VERSION_ROW = toKey({ type: '#catalogue', name: 'revision' })

/**
 * A registration is stored as JSON text. A DynamoDB map would lose the order of a schema's
 * properties, which clients show, and refuse schemas with more than 32 levels.
 */
export const toRow = (registration: Registration) => ({
  ...toKey(registration),
  version: { N: String(registration.version) },
  registration: { S: JSON.stringify(registration) },
})

/** Throws, with the reason, for a row that was edited by hand and holds no valid registration. */
export function fromRow(row: Row): Registration {
  const registration: unknown = JSON.parse(row['registration']?.S ?? 'null')
  assertReadable(registration)
  if (registration.type !== row['type']?.S || registration.name !== row['name']?.S)
    throw new Error('type and name are not those of the row')
  return registration
}

/**
 * Checks only what readers rely on: registrations of later versions may have fields that are
 * unknown here.
 */
function assertReadable(it: unknown): asserts it is Registration {
  if (!isRecord(it)) throw new Error('the attribute "registration" is not a JSON object')
  const arn = parseLambdaArn(String(it['lambdaArn']))
  if (typeof arn === 'string') throw new Error(`lambdaArn ${arn}`)
  if (!Number.isSafeInteger(it['version'])) throw new Error('version is not an integer')
  const { allow = [] } = it
  if (!Array.isArray(allow) || allow.some(entry => typeof entry !== 'string'))
    throw new Error('allow is not a list of ARNs')
  if (!isRateLimit(it['rateLimit'])) throw new Error('rateLimit is not a rate')
  const { tenant = 'account' } = it
  if (tenant !== 'account' && tenant !== 'principal' && tenant !== 'session')
    throw new Error('tenant is not "account", "principal" or "session"')
  const type = TYPES.find(known => known === it['type'])
  if (!type || it['id'] !== registrationId(type, String(it['name'])))
    throw new Error('id is not <type>-<name>')
  if (type === 'tool' && !describesObject(it['inputSchema']))
    throw new Error('inputSchema does not describe an object')
  if (type === 'resource' && typeof (it['uri'] ?? it['uriTemplate']) !== 'string')
    throw new Error('uri and uriTemplate are missing')
}

const isRateLimit = (value: unknown) =>
  value === undefined ||
  (isRecord(value) &&
    Number(value['perSecond']) > 0 &&
    (value['burst'] === undefined || Number(value['burst']) >= 1))

/** Clients refuse a whole `tools/list` result when one tool in it has another input schema. */
const describesObject = (schema: unknown) =>
  isRecord(schema) &&
  schema['type'] === 'object' &&
  (schema['properties'] === undefined || isRecord(schema['properties']))
