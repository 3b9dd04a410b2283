import {
  type Issue,
  isJsonSchema,
  type JsonSchema,
  type RegistrationAnswer,
  type RegistrationInput,
  type Tool,
  type ToolInput,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { registrationInput } from '@markvp/mcp-lambda-sam-admin-client/schemas'

import { GatewayError } from '../http/errors.ts'
import { isRecord } from '../is-record.ts'
import { parseUriTemplate } from '../uri-template/parse.ts'
import { schemaIssues } from './json-schema.ts'

/** Parses a body as a registration. Throws 400 with all issues. */
export function parseInput(value: unknown): RegistrationInput {
  assertObject(value)
  const unstorable = unstorableIn(value)
  if (unstorable.length > 0) throw invalid(unstorable)
  const result = registrationInput.safeParse(value, { error: messageOf })
  if (!result.success) throw invalid(result.error.issues.flatMap(toIssues))
  const input = withProto(result.data, value)
  const issues = [
    ...templateIssues(input),
    ...schemasOf(input).flatMap(([path, schema]) => schemaIssues(schema, path)),
  ]
  if (issues.length > 0) throw invalid(issues)
  return input
}

/** zod leaves out a parameter with the name `__proto__`. */
function withProto(input: RegistrationInput, { parameters }: Record<string, unknown>) {
  const { parameters: parsed } = input as { parameters?: object }
  return parsed && isRecord(parameters) && Object.hasOwn(parameters, '__proto__')
    ? ({ ...input, parameters } as RegistrationInput)
    : input
}

function templateIssues(input: RegistrationInput): Issue[] {
  if (input.type !== 'resource' || input.uriTemplate === undefined) return []
  const reason = parseUriTemplate(input.uriTemplate)
  if (typeof reason !== 'string') return []
  const message = `is a URI template that the gateway cannot match: it ${reason}`
  return [{ path: '/uriTemplate', message }]
}

export function assertObject(value: unknown): asserts value is Record<string, unknown> {
  if (!isRecord(value))
    throw new GatewayError('bad_request', `The body is ${kindOf(value)}: send a JSON object`)
}

/**
 * Fields that only the server sets. A PUT ignores them, so that its body may be the response of
 * another request.
 */
const SERVER_FIELDS = {
  id: true,
  version: true,
  createdAt: true,
  updatedAt: true,
  createdBy: true,
  updatedBy: true,
  status: true,
  warnings: true,
  configuration: true,
  change: true,
  changes: true,
  grants: true,
  dryRun: true,
} satisfies Record<Exclude<keyof RegistrationAnswer<Tool>, keyof ToolInput>, true>

export function withoutServerFields(value: unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).filter(([field]) => !Object.hasOwn(SERVER_FIELDS, field)),
  )
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Fields with names that the caller chooses. */
const WITH_NAMES = ['parameters', 'inputSchema', 'outputSchema']

/**
 * Valid JSON that cannot be stored: a field `__proto__`, which sets the prototype where objects are
 * copied, and numbers that JavaScript parses as infinite and writes as null.
 */
function unstorableIn(value: unknown, path = ''): Issue[] {
  if (typeof value === 'number' && !Number.isFinite(value))
    return [{ path, message: 'is too large a number' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => {
    const at = path + pointer([key])
    return key === '__proto__' && !WITH_NAMES.some(field => path.startsWith(`/${field}`))
      ? [{ path: at, message: 'is not a usable name' }]
      : unstorableIn(item, at)
  })
}

type ZodIssue = NonNullable<
  ReturnType<typeof registrationInput.safeParse>['error']
>['issues'][number]

function messageOf(issue: { code?: string; input?: unknown }): string | undefined {
  if (issue.code === 'invalid_union') return 'must be "tool", "resource" or "prompt"'
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is missing' : undefined
}

/** One issue per unknown field, with the field's path. */
function toIssues(issue: ZodIssue): Issue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({
      path: pointer([...issue.path, key]),
      message: 'is not a known field',
    }))
  return [{ path: pointer(issue.path), message: issue.message.replace(/^Invalid input: /, '') }]
}

/** JSON Pointer, RFC 6901. */
const pointer = (path: PropertyKey[]): string =>
  path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/**
 * The JSON Schemas of a registration, each with its path. Shorthand needs no check: it expands to a
 * valid schema.
 */
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

/** The limit keeps the response small. */
const MAX_ISSUES = 50

/** Characters of a path or a message: names and patterns may have 400 KB. */
const MAX_TEXT = 500

const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

function invalid(all: Issue[]): GatewayError {
  const issues = all
    .slice(0, MAX_ISSUES)
    .map(({ path, message }) => ({ path: cut(path), message: cut(message) }))
  const [first, second] = issues.map(({ path, message }) => `${path} ${message}`.trim())
  const more = all.length > 2 ? `${all.length - 2} more` : undefined
  return new GatewayError(
    'invalid_registration',
    `The registration is not valid: ${[first, second, more].filter(Boolean).join('; ')}`,
    { issues },
  )
}
