import { decoded } from './decoded.ts'

/** The parts of JSON Schema that make a field. */
export type Schema = Record<string, unknown>

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What kind of field a schema makes. Anything else is a field for JSON. */
export type Kind =
  | { kind: 'choice'; choices: Choice[] }
  | { kind: 'choices'; choices: Choice[] }
  | { kind: 'string' }
  | { kind: 'number'; integer: boolean }
  | { kind: 'boolean' }
  | { kind: 'list'; items: Schema }
  | { kind: 'object'; properties: [name: string, schema: Schema][]; required: Set<string> }
  | { kind: 'json' }

export interface Choice {
  title: string
  value: unknown
}

/** Deeper schemas are fields for JSON: they may be endless. */
const DEPTH = 6
/** More choices, or more properties, make no usable form. */
const MANY = 500

const COMBINED = ['allOf', 'oneOf', 'anyOf', 'not', 'if', 'dependentSchemas', 'patternProperties']

export function kindOf(schema: Schema, depth = 0): Kind {
  const choices = choicesOf(schema)
  if (choices) return { kind: 'choice', choices }
  if (depth > DEPTH || COMBINED.some(it => it in schema)) return { kind: 'json' }
  const type = typeOf(schema)
  if (type === 'string' || type === 'boolean') return { kind: type }
  if (type === 'number' || type === 'integer')
    return { kind: 'number', integer: type === 'integer' }
  if (type === 'array') return listOf(schema)
  const { properties, required } = schema
  if (type !== 'object' || !isRecord(properties)) return { kind: 'json' }
  const entries = Object.entries(properties).map(([name, it]): [string, Schema] => [
    name,
    isRecord(it) ? it : {},
  ])
  if (entries.length > MANY) return { kind: 'json' }
  return { kind: 'object', properties: entries, required: new Set(namesIn(required)) }
}

const namesIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter(it => typeof it === 'string') : []

function listOf({ items, prefixItems }: Schema): Kind {
  if (!isRecord(items) || prefixItems !== undefined) return { kind: 'json' }
  const choices = choicesOf(items) ?? titled(items['anyOf'])
  return choices ? { kind: 'choices', choices } : { kind: 'list', items }
}

/** Of `["string", "null"]` it is `string`: the field can be left out. */
function typeOf({ type, properties }: Schema): unknown {
  if (type === undefined && isRecord(properties)) return 'object'
  if (!Array.isArray(type)) return type
  const others = type.filter(it => it !== 'null')
  return others.length === 1 ? others[0] : undefined
}

function choicesOf(schema: Schema): Choice[] | undefined {
  const { enum: values, enumNames: names } = schema
  if ('const' in schema) return [{ title: textOf(schema['const']), value: schema['const'] }]
  if (!Array.isArray(values)) return titled(schema['oneOf'])
  if (values.length > MANY) return undefined
  const titles = Array.isArray(names) ? names : []
  return values.map((value, at) => ({ title: String(titles[at] ?? textOf(value)), value }))
}

/** `[{ "const": "a", "title": "A" }]`, as elicitation has it. */
function titled(list: unknown): Choice[] | undefined {
  if (!Array.isArray(list) || list.length === 0 || list.length > MANY) return undefined
  if (!list.every(it => isRecord(it) && 'const' in it)) return undefined
  return list.map(it => ({ title: String(it.title ?? textOf(it.const)), value: it.const }))
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

/** Replaces references to `$defs` by what they name. Others, and circles, become any value. */
export function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  const { $ref, ...rest } = schema
  if (typeof $ref !== 'string') return schema
  if (!$ref.startsWith('#/') || depth > DEPTH) return rest
  let found: unknown = root
  for (const part of $ref.slice(2).split('/')) {
    const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~')
    found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined
  }
  if (!isRecord(found)) return rest
  return { ...resolved(found, root, depth + 1), ...rest }
}
