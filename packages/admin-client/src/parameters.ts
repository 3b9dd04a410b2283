/** A JSON Schema of an object, draft 2020-12 unless `$schema` says otherwise. */
export type JsonSchema = { type: 'object'; [keyword: string]: unknown }

interface ShorthandIssue {
  path: (string | number)[]
  message: string
}

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array']
const WORD = new RegExp(`^(${TYPES.join('|')})((?:\\[\\])*)(\\??)$`)
const KEYWORDS = ['type', 'description', 'optional', 'enum', 'items', 'properties', 'default']

/**
 * `parameters` holds either a JSON Schema or the shorthand. It is a schema when its `type` is the word
 * "object" and nothing beside it could be a parameter of the shorthand.
 */
export function isJsonSchema(value: Record<string, unknown>): value is JsonSchema {
  if (value['type'] !== 'object') return false
  const { properties } = value
  return properties === undefined
    ? Object.keys(value).length === 1 ||
        '$schema' in value ||
        'additionalProperties' in value ||
        'required' in value
    : typeof properties === 'object'
}

/**
 * Writes the shorthand out as the JSON Schema it stands for: `{ "limit": "integer?" }` becomes an object
 * with one optional integer. Says what is wrong, and where, instead of throwing.
 */
export function toInputSchema(parameters: Record<string, unknown>): {
  schema: JsonSchema
  issues: ShorthandIssue[]
} {
  if (isJsonSchema(parameters)) return { schema: parameters, issues: [] }
  const issues: ShorthandIssue[] = []
  return { schema: objectOf(parameters, [], issues), issues }
}

/** The arguments of a prompt in the same shorthand. MCP knows only strings there. */
export function toPromptArguments(
  parameters: Record<string, unknown>,
): { name: string; description?: string; required: boolean }[] {
  const { properties = {}, required = [] } = toInputSchema(parameters).schema as {
    properties?: Record<string, { description?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description }]) => ({
    name,
    ...(description === undefined ? {} : { description }),
    required: required.includes(name),
  }))
}

function objectOf(
  parameters: Record<string, unknown>,
  path: (string | number)[],
  issues: ShorthandIssue[],
): JsonSchema {
  const properties: Record<string, unknown> = {}
  const required: string[] = []
  for (const [name, value] of Object.entries(parameters)) {
    const { schema, optional } = parameterOf(value, [...path, name], issues)
    properties[name] = schema
    if (!optional) required.push(name)
  }
  return {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  }
}

function parameterOf(
  value: unknown,
  path: (string | number)[],
  issues: ShorthandIssue[],
): { schema: Record<string, unknown>; optional: boolean } {
  if (typeof value === 'string') return wordOf(value, path, issues)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push({
      path,
      message: 'must be a type such as "string", "integer?" or "string[]", or {"type": …}',
    })
    return { schema: {}, optional: true }
  }
  const { type, optional, properties, items, ...rest } = value as Record<string, unknown>
  for (const key of Object.keys(rest))
    if (!KEYWORDS.includes(key))
      issues.push({
        path: [...path, key],
        message: `is not part of the shorthand (${KEYWORDS.join(', ')}); give a JSON Schema in "inputSchema" instead`,
      })
  if (typeof type !== 'string') {
    issues.push({ path: [...path, 'type'], message: `must be one of ${TYPES.join(', ')}` })
    return { schema: {}, optional: true }
  }
  const word = wordOf(type, [...path, 'type'], issues)
  const schema = { ...word.schema, ...rest }
  if (isRecord(properties))
    Object.assign(schema, objectOf(properties, [...path, 'properties'], issues))
  if (items !== undefined) schema['items'] = parameterOf(items, [...path, 'items'], issues).schema
  return { schema, optional: word.optional || optional === true || 'default' in rest }
}

function wordOf(word: string, path: (string | number)[], issues: ShorthandIssue[]) {
  const [, type, brackets = '', mark] = WORD.exec(word) ?? []
  if (!type)
    issues.push({
      path,
      message: `"${word}" is not a type: one of ${TYPES.join(', ')} is expected, with "[]" for a list and "?" for optional`,
    })
  let schema: Record<string, unknown> = { type }
  // Some clients refuse arrays that do not say what they hold.
  if (type === 'array') schema['items'] = {}
  for (let depth = brackets.length / 2; depth > 0; depth--)
    schema = { type: 'array', items: schema }
  return { schema, optional: mark === '?' }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
