import { isRecord } from '../is-record.ts'

/** An object of JSON Schema. Booleans are schemas too. */
export type SchemaObject = Record<string, unknown>

/** Keywords whose value is a schema. `items` may be a list of schemas in drafts before 2020-12. */
export const WITH_SCHEMA = [
  'additionalItems',
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]

/** Keywords whose value is a list of schemas. */
export const WITH_LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems']

/** Keywords whose value is an object of schemas. `dependencies` may have lists of names too. */
export const WITH_MAP = [
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
]

/** The schemas directly inside a schema, each with its JSON Pointer from there. */
export function* subschemas(schema: SchemaObject): Generator<[pointer: string, value: unknown]> {
  for (const [keyword, value] of Object.entries(schema)) {
    const at = join('', keyword)
    if (WITH_MAP.includes(keyword) && isRecord(value)) {
      for (const [name, item] of Object.entries(value)) {
        const isNames = keyword === 'dependencies' && !isSchema(item)
        if (!isNames) yield [join(at, name), item]
      }
    } else if (Array.isArray(value) && (WITH_LIST.includes(keyword) || keyword === 'items')) {
      for (const [index, item] of value.entries()) yield [join(at, String(index)), item]
    } else if (WITH_SCHEMA.includes(keyword)) yield [at, value]
  }
}

export const isSchema = (value: unknown): value is SchemaObject | boolean =>
  typeof value === 'boolean' || isRecord(value)

/** The JSON Pointer of a member: RFC 6901. */
export const join = (pointer: string, name: string) =>
  `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

/** The names in a JSON Pointer. */
export const namesIn = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map(it => it.replaceAll('~1', '/').replaceAll('~0', '~'))

/** A schema that the gateway cannot compile; `pointer` is the place in it. */
export class SchemaError extends Error {
  constructor(
    readonly pointer: string,
    message: string,
  ) {
    super(message)
  }
}
