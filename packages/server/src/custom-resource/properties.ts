import { isRecord } from '../is-record.ts'

/**
 * The registration that the properties of a custom resource describe. Names may begin with a
 * capital letter, as CloudFormation writes them: `LambdaArn` is `lambdaArn`.
 */
export function toRegistrationBody(
  resourceType: string,
  properties: Record<string, unknown>,
): Record<string, unknown> {
  const body: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'ServiceToken' || name === 'ServiceTimeout') continue
    const field = name[0]?.toLowerCase() + name.slice(1)
    body[field] = restored(field, value)
  }
  const type = TYPES[resourceType]
  return type === undefined ? body : { ...body, type }
}

const TYPES: Record<string, string> = {
  'Custom::McpTool': 'tool',
  'Custom::McpResource': 'resource',
  'Custom::McpPrompt': 'prompt',
}

/** These fields may be JSON text, which keeps every value as it is. */
const AS_JSON = [
  'inputSchema',
  'outputSchema',
  'parameters',
  '_meta',
  'annotations',
  'arguments',
  'icons',
]

function restored(field: string, value: unknown): unknown {
  if (typeof value === 'string' && AS_JSON.includes(field) && /^\s*[[{]/.test(value))
    return JSON.parse(value)
  if (field === '_meta') return value
  return restore(value, field === 'parameters' ? 'names' : field)
}

/** Objects whose keys are names that a person chose. */
const WITH_NAMES = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']

const BOOLEANS = new Set(
  'optional required readOnlyHint destructiveHint idempotentHint openWorldHint additionalProperties uniqueItems nullable unevaluatedProperties unevaluatedItems deprecated readOnly writeOnly items contains exclusiveMinimum exclusiveMaximum'.split(
    ' ',
  ),
)

const NUMBERS = new Set(
  'size priority perSecond burst minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains'.split(
    ' ',
  ),
)

/** Keywords whose values have the type that stands beside them. */
const TYPED = ['default', 'const', 'enum', 'examples']

/**
 * CloudFormation sends every number and boolean as text. Restores those whose keyword says what
 * they are:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes-create.html
 */
function restore(value: unknown, keyword: string): unknown {
  if (typeof value === 'string') return scalar(value, keyword)
  if (Array.isArray(value)) return value.map(it => restore(it, 'item'))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (keyword === 'names') return [key, restore(item, 'schema')]
      if (WITH_NAMES.includes(key)) return [key, restore(item, 'names')]
      if (TYPED.includes(key)) return [key, ofType(item, value['type'])]
      return [key, restore(item, key)]
    }),
  )
}

function scalar(text: string, keyword: string): unknown {
  const isBoolean = text === 'true' || text === 'false'
  if (isBoolean && (BOOLEANS.has(keyword) || keyword === 'schema')) return text === 'true'
  if (NUMBERS.has(keyword) && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return Number(text)
  return text
}

function ofType(value: unknown, type: unknown): unknown {
  if (Array.isArray(value)) return value.map(it => ofType(it, type))
  if (typeof value !== 'string' || typeof type !== 'string') return value
  const name = type.replace(/\?$/, '')
  if (name === 'boolean' && /^(true|false)$/.test(value)) return value === 'true'
  if (/^(number|integer)$/.test(name) && value !== '' && Number.isFinite(Number(value)))
    return Number(value)
  return value
}
