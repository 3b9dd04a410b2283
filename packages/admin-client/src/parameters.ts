import { isRecord } from './is-record.ts'

/** A JSON Schema of an object, draft 2020-12 unless `$schema` says otherwise. */
export type JsonSchema = { type: 'object'; [keyword: string]: unknown }

type TypeName = 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array'

/** A type, with `[]` for a list and `?` at the end for optional: `string`, `integer[]?`. */
type ParameterWord = `${TypeName}${'' | '[]' | '[][]'}${'' | '?'}`

/** One parameter in the short form. */
type Parameter =
  | ParameterWord
  | {
      type: ParameterWord
      description?: string
      optional?: boolean
      enum?: readonly [unknown, ...unknown[]]
      /** What a list of the type `array` has. */
      items?: Parameter
      /** What an object of the type `object` has. */
      properties?: { readonly [name: string]: Parameter }
      default?: unknown
    }

/** The parameters of a tool or a prompt, by name; or a JSON Schema of an object. */
export type Parameters = { readonly [name: string]: Parameter } | JsonSchema

interface ShorthandIssue {
  path: string[]
  message: string
}

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array']
const WORD = new RegExp(`^(${TYPES.join('|')})((?:\\[\\])*)(\\??)$`)
const KEYWORDS = ['type', 'description', 'optional', 'enum', 'items', 'properties', 'default']

/** Keywords of a schema's root that are no likely names of parameters. */
const SCHEMA_ONLY =
  /^(\$.*|(additional|pattern|unevaluated|min|max)Properties|propertyNames|(all|any|one)Of|dependent.*)$/
/** Keywords of a schema's root that are likely names of parameters too. */
const EITHER = ['title', 'description', 'required', 'default', 'examples']

/**
 * Whether `parameters` holds a JSON Schema of an object, and not the shorthand, where every key is
 * a parameter. `{ "type": "object" }` alone is a schema; beside `"title": "string"` it is a
 * parameter.
 */
export function isJsonSchema(value: Record<string, unknown>): value is JsonSchema {
  if (value['type'] !== 'object') return false
  if (isRecord(value['properties'])) return true
  const { type: _, ...others } = value
  const keys = Object.keys(others)
  return (
    keys.some(key => SCHEMA_ONLY.test(key)) ||
    keys.every(key => EITHER.includes(key) && !readsAsParameter(others[key]))
  )
}

/**
 * Converts the shorthand to the JSON Schema that it stands for: `{ "limit": "integer?" }` becomes
 * an object with one optional integer. Returns the faults instead of throwing.
 */
export function toInputSchema(parameters: Record<string, unknown>): {
  schema: JsonSchema
  issues: ShorthandIssue[]
} {
  if (isJsonSchema(parameters)) return { schema: parameters, issues: [] }
  if ('$schema' in parameters) {
    const message = 'must be "object" in the JSON Schema of a list of parameters'
    return { schema: { type: 'object' }, issues: [{ path: ['type'], message }] }
  }
  const issues: ShorthandIssue[] = []
  return { schema: objectOf(parameters, [], issues), issues }
}

/**
 * Converts the shorthand, or a valid JSON Schema, to the arguments of a prompt. The arguments of
 * MCP are all strings, so the types are lost.
 */
export function toPromptArguments(
  parameters: Record<string, unknown>,
): { name: string; description?: string; required: boolean }[] {
  const { properties = {}, required = [] } = toInputSchema(parameters).schema as {
    properties?: Record<string, { description?: string } | boolean>
    required?: string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    ...(typeof schema === 'object' && schema.description !== undefined
      ? { description: schema.description }
      : {}),
    required: required.includes(name),
  }))
}

const readsAsParameter = (value: unknown) =>
  typeof value === 'string'
    ? WORD.test(value)
    : isRecord(value) && typeof value['type'] === 'string'

function objectOf(
  parameters: Record<string, unknown>,
  path: string[],
  issues: ShorthandIssue[],
): JsonSchema {
  const parsed = Object.entries(parameters).map(
    ([name, value]) => [name, parameterOf(value, [...path, name], issues)] as const,
  )
  const required = parsed.filter(([, { optional }]) => !optional).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(parsed.map(([name, { schema }]) => [name, schema])),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  }
}

interface Parsed {
  schema: Record<string, unknown>
  optional: boolean
}

const BROKEN: Parsed = { schema: {}, optional: true }

function parameterOf(value: unknown, path: string[], issues: ShorthandIssue[]): Parsed {
  if (typeof value === 'string') return wordOf(value, {}, path, issues)
  if (isRecord(value)) return longFormOf(value, path, issues)
  issues.push({
    path,
    message: 'must be a type such as "string", "integer?" or "string[]", or {"type": …}',
  })
  return BROKEN
}

function longFormOf(
  form: Record<string, unknown>,
  path: string[],
  issues: ShorthandIssue[],
): Parsed {
  const { type, description, optional, enum: values, items, properties } = form
  const report = (key: string, message: string) => issues.push({ path: [...path, key], message })

  for (const key of Object.keys(form))
    if (!KEYWORDS.includes(key))
      report(
        key,
        `is not part of the shorthand (${KEYWORDS.join(', ')}); give a JSON Schema in "inputSchema" instead`,
      )
  if (optional !== undefined && typeof optional !== 'boolean')
    report('optional', 'must be true or false')
  if (description !== undefined && typeof description !== 'string')
    report('description', 'must be a string')
  if (values !== undefined && !(Array.isArray(values) && values.length > 0))
    report('enum', 'must be a list of at least one value')
  if (typeof type !== 'string') {
    report('type', `must be one of ${TYPES.join(', ')}`)
    return BROKEN
  }
  if (items !== undefined && !/^array\??$/.test(type))
    report('items', 'belongs to the type "array"')
  if (properties !== undefined && !/^object\??$/.test(type))
    report('properties', 'belongs to the type "object"')
  else if (properties !== undefined && !isRecord(properties))
    report('properties', 'must be an object of parameters')

  const inner = {
    ...(isRecord(properties) ? objectOf(properties, [...path, 'properties'], issues) : {}),
    ...(items === undefined
      ? {}
      : { items: parameterOf(items, [...path, 'items'], issues).schema }),
    ...(values === undefined ? {} : { enum: values }),
  }
  const word = wordOf(type, inner, [...path, 'type'], issues)
  return {
    schema: {
      ...word.schema,
      ...(description === undefined ? {} : { description }),
      ...('default' in form ? { default: form['default'] } : {}),
    },
    optional: word.optional || optional === true || 'default' in form,
  }
}

/** In `string[]` the other keywords (`inner`) describe the strings, not the list. */
function wordOf(
  word: string,
  inner: Record<string, unknown>,
  path: string[],
  issues: ShorthandIssue[],
): Parsed {
  const [, type, brackets = '', mark] = WORD.exec(word) ?? []
  if (!type) {
    issues.push({
      path,
      message: `"${word}" is not a type: one of ${TYPES.join(', ')} is expected, with "[]" for a list and "?" for optional`,
    })
    return BROKEN
  }
  // Some clients refuse arrays without `items`.
  let schema: Record<string, unknown> = {
    type,
    ...(type === 'array' ? { items: {} } : {}),
    ...inner,
  }
  for (let depth = brackets.length / 2; depth > 0; depth--)
    schema = { type: 'array', items: schema }
  return { schema, optional: mark === '?' }
}
