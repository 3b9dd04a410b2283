import { isRecord } from '../is-record.ts'
import {
  isSchema,
  join,
  namesIn,
  SchemaError,
  type SchemaObject,
  subschemas,
  WITH_LIST,
} from './keywords.ts'

/**
 * The base of a schema without an id:
 * https://json-schema.org/draft/2020-12/json-schema-core#section-9.1
 */
const DEFAULT_BASE = 'schema:///'

export interface References {
  /**
   * The JSON Pointer of the schema that a `$ref` in the schema at `from` refers to; undefined where
   * this document does not have it.
   */
  resolve(reference: string, from: string): string | undefined
  /** The value at a JSON Pointer. */
  valueAt(pointer: string): unknown
  /** Whether a dynamic anchor is declared twice. Then the callers decide what a reference means. */
  isDynamic: boolean
}

/** Finds the schemas that references of any draft name: by pointer, id or anchor. */
export function createReferences(root: SchemaObject): References {
  /** The URI of the resource that a schema belongs to, by the pointer of the schema. */
  const bases = new Map<string, string>()
  /** The pointers of resources, by URI, and of anchors, by URI with fragment. */
  const places = new Map<string, string>()
  const dynamic: string[] = []
  // Draft 06 renamed `id` to `$id`. Later schemas may use `id` for their own purposes.
  const { $schema } = root
  const hasOldIds = typeof $schema !== 'string' || $schema.includes('draft-04')
  places.set(DEFAULT_BASE, '')
  collect(root, '', DEFAULT_BASE)
  return { resolve, valueAt, isDynamic: new Set(dynamic).size < dynamic.length }

  function collect(schema: unknown, pointer: string, outer: string) {
    if (!isRecord(schema)) return
    const id = schema['$id'] ?? (hasOldIds ? schema['id'] : undefined)
    const [uri, anchor] = typeof id === 'string' ? split(id) : ['', '']
    const base = uri ? absolute(uri, outer) : outer
    if (uri && !places.has(base)) places.set(base, pointer)
    bases.set(pointer, base)
    for (const name of [anchor, schema['$anchor'], schema['$dynamicAnchor']]) {
      if (typeof name !== 'string' || name === '' || name.startsWith('/')) continue
      if (!places.has(`${base}#${name}`)) places.set(`${base}#${name}`, pointer)
    }
    if (typeof schema['$dynamicAnchor'] === 'string') dynamic.push(schema['$dynamicAnchor'])
    if (schema['$recursiveAnchor'] === true) dynamic.push('')
    for (const [at, value] of subschemas(schema)) collect(value, pointer + at, base)
  }

  function resolve(reference: string, from: string): string | undefined {
    const base = bases.get(from) ?? DEFAULT_BASE
    const [uri, fragment] = split(reference)
    const target = uri ? absolute(uri, base) : base
    const resource = places.get(target)
    if (resource === undefined) return undefined
    if (fragment === '') return resource
    if (!fragment.startsWith('/')) return places.get(`${target}#${fragment}`)
    // Generators write ids into definitions and still count their pointers from the root.
    for (const start of uri ? [resource] : [resource, ''])
      for (const names of [decoded(fragment), fragment]) {
        const pointer = start + namesIn(names).reduce(join, '')
        if (isSchema(valueAt(pointer))) return pointer
      }
    return undefined
  }

  function valueAt(pointer: string): unknown {
    return namesIn(pointer).reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as SchemaObject)[name]
          : undefined,
      root,
    )
  }
}

function split(reference: string): [uri: string, fragment: string] {
  const at = reference.indexOf('#')
  return at < 0 ? [reference, ''] : [reference.slice(0, at), reference.slice(at + 1)]
}

function absolute(uri: string, base: string): string {
  try {
    return new URL(uri, base).href
  } catch {
    return uri // such as "List<Item>" behind the id "urn:tool"
  }
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment // a "%" that encodes nothing
  }
}

const IN_PLACE = ['not', 'if', 'then', 'else']
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef']

/**
 * Refuses a schema that refers to itself for the same value, as in `{"$ref": "#"}`: no check of it
 * would end.
 *
 * @throws SchemaError
 */
export function assertNoLoop(root: SchemaObject) {
  const { resolve, valueAt } = createReferences(root)
  const done = new Set<string>()
  const open = new Set<string>()
  visitAll(root, '')

  function visitAll(schema: unknown, pointer: string) {
    if (!isRecord(schema)) return
    visit(pointer)
    for (const [at, value] of subschemas(schema)) visitAll(value, pointer + at)
  }

  /** Follows what applies to the same value. */
  function visit(pointer: string) {
    const schema = valueAt(pointer)
    if (!isRecord(schema) || done.has(pointer)) return
    open.add(pointer)
    for (const [keyword, value] of Object.entries(schema)) {
      const at = join(pointer, keyword)
      if (REFERENCES.includes(keyword) && typeof value === 'string') {
        const target = resolve(value, pointer)
        if (target !== undefined && open.has(target))
          throw new SchemaError(at, 'refers to itself without end: no value can be checked')
        if (target !== undefined) visit(target)
      } else if (IN_PLACE.includes(keyword)) visit(at)
      else if (WITH_LIST.includes(keyword) && keyword !== 'prefixItems' && Array.isArray(value))
        for (const index of value.keys()) visit(`${at}/${index}`)
    }
    open.delete(pointer)
    done.add(pointer)
  }
}
