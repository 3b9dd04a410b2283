import { isRecord } from './is-record.ts'
import {
  isStandard,
  type JsonSchema,
  type Schema,
  type StandardSchema,
  toJsonSchema,
  validate,
} from './schema.ts'

/** The schema of the form. MCP allows only these keywords of an object's JSON Schema. */
export function requestedSchema(key: string, schema: Schema, jsonSchema: JsonSchema | undefined) {
  const where = `The schema of ctx.elicit('${key}')`
  const json = jsonSchema ?? toJsonSchema(schema, 'input', where, 'requestedSchema')
  const { properties = {}, required } = json as Record<string, unknown>
  return { type: 'object', properties, ...(required === undefined ? {} : { required }) }
}

/**
 * Validates what the user filled in. Resolves with the value that the schema makes of it, or
 * with its faults. The gateway does not check it, so plain JSON Schema is checked here, as far
 * as forms go.
 * https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#requested-schema
 */
export async function validateForm(
  schema: StandardSchema | JsonSchema,
  content: unknown,
): Promise<{ value: unknown } | { faults: string }> {
  if (isStandard(schema)) return validate(schema, content)
  const faults = faultsOf(schema, content)
  return faults.length > 0 ? { faults: faults.join('; ') } : { value: content }
}

interface Form {
  properties?: Record<string, Field>
  required?: string[]
}

interface Field {
  type?: string
  enum?: unknown[]
  oneOf?: { const: unknown }[]
  anyOf?: { const: unknown }[]
  items?: Field
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
}

function faultsOf(schema: JsonSchema, content: unknown): string[] {
  if (!isRecord(content)) return ['must be an object']
  const { properties = {}, required = [] } = schema as Form
  return [
    ...required.filter(name => !Object.hasOwn(content, name)).map(name => `${name}: is required`),
    ...Object.entries(properties)
      .filter(([name]) => Object.hasOwn(content, name))
      .flatMap(([name, field]) => faultOf(field, content[name]).map(fault => `${name}: ${fault}`)),
  ]
}

function faultOf(field: Field, value: unknown): string[] {
  const { type, items } = field
  const choices = field.enum ?? (field.oneOf ?? field.anyOf)?.map(it => it.const)
  if (type && !TYPES[type]?.(value)) return [`must be of the type ${type}`]
  if (choices && !choices.includes(value)) return [`must be one of ${choices.join(', ')}`]
  const size = sizeOf(value)
  const least = field.minimum ?? field.minLength ?? field.minItems ?? Number.NEGATIVE_INFINITY
  const most = field.maximum ?? field.maxLength ?? field.maxItems ?? Number.POSITIVE_INFINITY
  if (size < least) return [`must be at least ${least}`]
  if (size > most) return [`must be at most ${most}`]
  return items && Array.isArray(value) ? value.flatMap(it => faultOf(items, it)) : []
}

/** The value that limits apply to: a number, or the length of a string or list. */
const sizeOf = (value: unknown) =>
  typeof value === 'string'
    ? [...value].length
    : Array.isArray(value)
      ? value.length
      : Number(value)

const TYPES: Record<string, (value: unknown) => boolean> = {
  string: value => typeof value === 'string',
  number: value => typeof value === 'number',
  integer: value => Number.isInteger(value),
  boolean: value => typeof value === 'boolean',
  array: value => Array.isArray(value),
}
