import { isRecord } from './mcp-results.ts'
import {
  isStandard,
  type JsonSchema,
  type Schema,
  type StandardSchema,
  toJsonSchema,
  validate,
} from './schema.ts'

/** What is shown to the user. Of an object's JSON Schema, MCP takes these keywords alone. */
export function requestedSchema(key: string, schema: Schema, beside: JsonSchema | undefined) {
  const where = `The schema of ctx.elicit('${key}')`
  const json = beside ?? toJsonSchema(schema, 'input', where, 'requestedSchema')
  const { properties = {}, required } = json as Record<string, unknown>
  return { type: 'object', properties, ...(required === undefined ? {} : { required }) }
}

/**
 * What the user filled in, as the schema gives it. It comes from outside and nobody has checked it, so plain JSON
 * Schema is checked here too, as far as forms go.
 * https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation#requested-schema
 */
export async function filledIn(
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
  if (!isRecord(content)) return ['an object was expected']
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

/** What the limits are about: a number itself, the length of anything else. */
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
