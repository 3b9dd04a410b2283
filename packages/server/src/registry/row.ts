import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import {
  parseLambdaArn,
  type Registration,
  type RegistrationType,
  registrationId,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

export type Row = Record<string, AttributeValue>

export const toKey = ({ type, name }: { type: string; name: string }) => ({
  type: { S: type },
  name: { S: name },
})

/** The row of the counters; a reader who sees one go up finds what it counts. */
export const REVISION = toKey({ type: '#catalogue', name: 'revision' })

/**
 * A registration is kept as its JSON text. As a map, DynamoDB would forget the order of a schema's
 * properties, which clients show, and refuse a schema of more than 32 levels.
 */
export const toRow = (registration: Registration) => ({
  ...toKey(registration),
  version: { N: String(registration.version) },
  registration: { S: JSON.stringify(registration) },
})

/** Throws, with the reason, for a row that somebody wrote by hand and that holds no registration. */
export function fromRow(row: Row): Registration {
  const registration = JSON.parse(row['registration']?.S ?? 'null')
  const fault = faultOf(registration)
  if (fault) throw new Error(fault)
  if (registration.type !== row['type']?.S || registration.name !== row['name']?.S)
    throw new Error('type and name are not those of the row')
  return registration
}

/** What readers rely on and no more: a later version's registrations must pass, with fields unknown here. */
function faultOf(it: unknown): string | undefined {
  if (!isObject(it)) return 'the attribute "registration" is not a JSON object'
  const arn = parseLambdaArn(String(it['lambdaArn']))
  if (typeof arn === 'string') return `lambdaArn ${arn}`
  if (!Number.isSafeInteger(it['version'])) return 'version is not an integer'
  if (it['id'] !== registrationId(it['type'] as RegistrationType, String(it['name'])))
    return 'id is not <type>-<name>'
  if (it['type'] === 'tool' && !describesObject(it['inputSchema']))
    return 'inputSchema does not describe an object'
  if (it['type'] === 'resource' && typeof (it['uri'] ?? it['uriTemplate']) !== 'string')
    return 'uri and uriTemplate are missing'
  return undefined
}

/** What clients ask of it: one tool without costs them the whole list. */
const describesObject = (schema: unknown) =>
  isObject(schema) &&
  schema['type'] === 'object' &&
  (schema['properties'] === undefined || isObject(schema['properties']))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
