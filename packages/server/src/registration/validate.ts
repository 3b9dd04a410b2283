import {
  type Issue,
  isJsonSchema,
  type JsonSchema,
  type RegistrationInput,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { registrationInput } from '@markvp/mcp-lambda-sam-admin-client/schemas'

import { GatewayError } from '../http/errors.ts'
import { schemaIssues } from './json-schema.ts'

/** A body as a registration, or 400 with everything that is wrong with it. */
export function parseInput(value: unknown): RegistrationInput {
  assertObject(value)
  const unusable = unusableIn(value)
  if (unusable.length > 0) throw invalid(unusable)
  const result = registrationInput.safeParse(value, { error: messageOf })
  if (!result.success) throw invalid(result.error.issues.flatMap(toIssues))
  const faults = schemasOf(result.data).flatMap(([path, schema]) => schemaIssues(schema, path))
  if (faults.length > 0) throw invalid(faults)
  return result.data
}

export function assertObject(value: unknown): asserts value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GatewayError('bad_request', `The body is ${kindOf(value)}: send a JSON object`)
}

/** Fields that only the server sets: a `PUT` may carry an answer of ours along, and they are ignored. */
const STORED = ['id', 'version', 'createdAt', 'updatedAt', 'createdBy', 'status', 'warnings']

export function withoutStored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([field]) => !STORED.includes(field)))
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/**
 * What JSON can say and no registration can hold: a key `__proto__`, which is lost or worse where objects are
 * copied, and numbers that JavaScript reads as infinite and would write as null.
 */
function unusableIn(value: unknown, path = ''): Issue[] {
  if (typeof value === 'number' && !Number.isFinite(value))
    return [{ path, message: 'is too large a number' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => {
    const at = path + pointer([key])
    return key === '__proto__'
      ? [{ path: at, message: 'is not a usable name' }]
      : unusableIn(item, at)
  })
}

type ZodIssue = NonNullable<
  ReturnType<typeof registrationInput.safeParse>['error']
>['issues'][number]

function messageOf(issue: { code?: string; input?: unknown }): string | undefined {
  if (issue.code === 'invalid_union') return 'must be "tool", "resource" or "prompt"'
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is missing' : undefined
}

/** One issue per unknown field, each at its own place. */
function toIssues(issue: ZodIssue): Issue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({
      path: pointer([...issue.path, key]),
      message: 'is not a known field',
    }))
  return [{ path: pointer(issue.path), message: issue.message.replace(/^Invalid input: /, '') }]
}

/** RFC 6901 */
const pointer = (path: PropertyKey[]): string =>
  path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** The JSON Schemas of a registration and where they stand in it; the shorthand is right by construction. */
function schemasOf(input: RegistrationInput): [path: string, schema: JsonSchema][] {
  if (input.type === 'resource') return []
  const { parameters } = input
  const { inputSchema, outputSchema } = input.type === 'tool' ? input : {}
  return Object.entries({
    '/parameters': parameters && isJsonSchema(parameters) ? parameters : undefined,
    '/inputSchema': inputSchema as JsonSchema | undefined,
    '/outputSchema': outputSchema as JsonSchema | undefined,
  }).filter((entry): entry is [string, JsonSchema] => entry[1] !== undefined)
}

/** More would only make the answer large. */
const MAX_ISSUES = 50

function invalid(issues: Issue[]): GatewayError {
  const [first, second, ...others] = issues.map(({ path, message }) => `${path} ${message}`.trim())
  const more = others.length > 0 ? `${others.length} more` : undefined
  return new GatewayError(
    'invalid_registration',
    `The registration is not valid: ${[first, second, more].filter(Boolean).join('; ')}`,
    { issues: issues.slice(0, MAX_ISSUES) },
  )
}
