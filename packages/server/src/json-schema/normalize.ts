import { isRecord } from '../is-record.ts'
import {
  isSchema,
  join,
  SchemaError,
  type SchemaObject,
  WITH_LIST,
  WITH_MAP,
  WITH_SCHEMA,
} from './keywords.ts'
import { toRegExp } from './pattern.ts'
import { createReferences } from './references.ts'

export interface Normalized {
  schema: SchemaObject
  /**
   * Whether a check may take more than linear time: it has patterns, formats, references or is
   * large.
   */
  isCostly: boolean
  /** Whether it uses `unevaluatedProperties` or `unevaluatedItems`. */
  isUnevaluated: boolean
}

/** What takes about 1 s of processor time and 80 MB to compile. Larger schemas are refused. */
const MAX_SCHEMAS = 3_000
const MAX_PATTERNS = 500
/** The engine calls itself for each member of a list or an object, and for each level. */
const MAX_BESIDE = 1_500
const MAX_LEVELS = 200
/**
 * Schemas and values of `enum`. A check of many values against more than these counts as costly.
 */
const MANY = 100

/** Keywords that are kept as they are. */
const ASSERTIONS = [
  'type',
  'enum',
  'const',
  'multipleOf',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'format',
  'maxItems',
  'minItems',
  'uniqueItems',
  'maxContains',
  'minContains',
  'maxProperties',
  'minProperties',
  'required',
  'dependentRequired',
]

/** Keywords that would refuse the null that `nullable` allows. */
const REFUSE_NULL = [
  '$ref',
  '$dynamicRef',
  '$recursiveRef',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
]

/**
 * The same schema in draft 2020-12, for one engine. It understands drafts 04 to 2020-12 and
 * `nullable` of OpenAPI, whatever `$schema` says, since generators mix them. All references
 * become pointers within the schema. Annotations and unknown keywords are left out.
 *
 * @throws SchemaError
 */
export function normalize(root: SchemaObject): Normalized {
  const draft = draftProblem(root)
  if (draft) throw new SchemaError('/$schema', draft)
  const references = createReferences(root)
  /** Where each schema of the original stands in the result. */
  const moved = new Map<string, string>()
  const links: { link: SchemaObject; pointer: string }[] = []
  let schemas = 0
  let levels = 0
  let values = 0
  let patterns = 0
  let isCostly = false
  let isUnevaluated = false

  const schema = convert(root, '', '') as SchemaObject
  // References may also name a schema below an unknown keyword, such as "#/components/schemas/A".
  const extra: SchemaObject = {}
  for (const { link, pointer } of links) {
    if (!moved.has(pointer)) {
      const name = `behind other keywords ${Object.keys(extra).length}`
      extra[name] = convert(references.valueAt(pointer), pointer, `/$defs/${name}`)
    }
    link['$ref'] = `#${(moved.get(pointer) ?? '').split('/').map(encodeURIComponent).join('/')}`
  }
  if (Object.keys(extra).length > 0)
    schema['$defs'] = { ...(schema['$defs'] as SchemaObject | undefined), ...extra }
  return { schema, isCostly: isCostly || schemas + values > MANY, isUnevaluated }

  function convert(node: unknown, from: string, to: string): unknown {
    moved.set(from, to)
    if (++schemas > MAX_SCHEMAS)
      throw new SchemaError(from, `is one schema too many: at most ${MAX_SCHEMAS} are accepted`)
    if (!isRecord(node)) return node
    if (levels >= MAX_LEVELS)
      throw new SchemaError(from, `is nested too deep: at most ${MAX_LEVELS} levels are accepted`)
    levels += 1
    const result = convertObject(node, from, to)
    levels -= 1
    return result
  }

  function convertObject(node: SchemaObject, from: string, to: string): SchemaObject {
    const isNullable = node['nullable'] === true
    const result: SchemaObject = {}
    const refusesNull: SchemaObject = {}
    /** What has no keyword of its own, because the schema uses that keyword already. */
    const more: SchemaObject[] = []
    for (const [keyword, value] of Object.entries(node)) {
      const isMoved = isNullable && REFUSE_NULL.includes(keyword)
      const target = isMoved ? refusesNull : result
      convertKeyword(keyword, value, { node, from, to: isMoved ? `${to}/else` : to, target, more })
    }
    const last = isNullable ? refusesNull : result
    if (more.length > 0) last['allOf'] = [...list(last['allOf']), ...more]
    if (!isNullable) return result
    allowNull(result)
    return Object.keys(refusesNull).length > 0
      ? { ...result, if: { type: 'null' }, else: refusesNull }
      : result
  }

  function convertKeyword(keyword: string, value: unknown, place: Place) {
    const { node, to, target, more } = place
    const at = join(place.from, keyword)
    assertFew(keyword, value, at)
    switch (keyword) {
      case '$ref':
      case '$dynamicRef':
      case '$recursiveRef':
        return convertReference(keyword, value, at, place)
      case '$id':
      case '$anchor':
      case '$dynamicAnchor':
      case '$recursiveAnchor':
        if (references.isDynamic) Object.assign(target, dynamicKeyword(keyword, value))
        return
      case 'items':
        if (!Array.isArray(value)) break
        if (value.length > 0) target['prefixItems'] = convertList(value, at, `${to}/prefixItems`)
        return
      case 'additionalItems':
        if (Array.isArray(node['items'])) target['items'] = convert(value, at, `${to}/items`)
        return
      case 'minimum':
      case 'maximum':
        if (node[EXCLUSIVE[keyword]] === true) return
        break
      case 'exclusiveMinimum':
      case 'exclusiveMaximum': {
        // In draft 04 a boolean beside the limit.
        if (typeof value !== 'boolean') break
        const limit = node[keyword === 'exclusiveMinimum' ? 'minimum' : 'maximum']
        if (value && limit !== undefined) target[keyword] = limit
        return
      }
      case 'enum':
        if (!Array.isArray(value)) break
        values += value.length
        if (value.length > 0) break
        more.push({ not: {} }) // the engine compiles no empty list
        return
      case 'pattern':
      case 'format':
        isCostly = true
        if (keyword === 'pattern') countPattern(value, at)
        break
    }
    isUnevaluated ||= keyword.startsWith('unevaluated')
    const inside = `${to}/${keyword}`
    if (ASSERTIONS.includes(keyword)) target[keyword] = value
    else if (WITH_MAP.includes(keyword) && isRecord(value)) convertMap(keyword, value, at, place)
    else if (WITH_LIST.includes(keyword) && Array.isArray(value))
      target[keyword] = convertList(value, at, inside)
    else if (WITH_SCHEMA.includes(keyword)) target[keyword] = convert(value, at, inside)
  }

  function convertList(items: unknown[], from: string, to: string): unknown[] {
    return items.map((it, n) => convert(it, `${from}/${n}`, `${to}/${n}`))
  }

  function convertMap(keyword: string, map: SchemaObject, at: string, { to, target }: Place) {
    const entries: [string, unknown][] = []
    for (const [name, value] of Object.entries(map)) {
      const from = join(at, name)
      if (keyword === 'properties' && name === '__proto__') {
        // The engine skips a property of this name.
        const known = target['patternProperties'] as SchemaObject | undefined
        const schema = convert(value, from, `${to}/patternProperties/${PROTO}`)
        target['patternProperties'] = { ...known, [PROTO]: schema }
        continue
      }
      if (keyword === 'patternProperties') countPattern(name, from)
      if (keyword === 'dependencies' && !isSchema(value))
        entries.push([name, typeof value === 'string' ? [value] : value])
      else entries.push([name, convert(value, from, join(`${to}/${keyword}`, name))])
    }
    // A union of objects is decided sooner where the kind of the object is compared first.
    if (keyword === 'properties') entries.sort(([, a], [, b]) => rank(a) - rank(b))
    target[keyword] = Object.assign(Object.fromEntries(entries), target[keyword])
  }

  function convertReference(keyword: string, value: unknown, at: string, place: Place): void {
    if (typeof value !== 'string') return
    const { from, target, more } = place
    isCostly = true
    const pointer = references.resolve(value, from)
    if (pointer === undefined) {
      if (DRAFT.test(value)) more.push({ type: ['object', 'boolean'] })
      else
        throw new SchemaError(
          at,
          `refers to "${value}", which is not in this schema and is not fetched: put it into "$defs" and refer to "#/$defs/…"`,
        )
    } else if (references.isDynamic) Object.assign(target, dynamicKeyword(keyword, value))
    else {
      const isTaken = '$ref' in target
      const link: SchemaObject = isTaken ? {} : target
      if (isTaken) more.push(link)
      link['$ref'] = '' // written when all schemas have their places
      links.push({ link, pointer })
    }
  }

  function countPattern(pattern: unknown, at: string) {
    isCostly = true
    if (typeof pattern !== 'string') return
    if (++patterns > MAX_PATTERNS)
      throw new SchemaError(at, `is one pattern too many: at most ${MAX_PATTERNS} are accepted`)
    try {
      toRegExp(pattern)
    } catch (error) {
      throw new SchemaError(at, `is not a regular expression: ${(error as Error).message}`)
    }
  }
}

const WITH_MEMBERS = [...WITH_MAP, ...WITH_LIST, 'items', 'dependentRequired']

/** Definitions are compiled one by one. */
function assertFew(keyword: string, value: unknown, at: string) {
  if (!WITH_MEMBERS.includes(keyword) || keyword === '$defs' || keyword === 'definitions') return
  const { length } = Object.keys(Object(value) as object)
  if (length > MAX_BESIDE)
    throw new SchemaError(at, `has ${length} members: at most ${MAX_BESIDE} are accepted`)
}

/** Where a keyword stands: in `node`, whose pointer is `from` and in the result `to`. */
interface Place {
  node: SchemaObject
  from: string
  to: string
  target: SchemaObject
  more: SchemaObject[]
}

const DRAFTS = ['2020-12', '2019-09', '07', '06', '04']
const DRAFT = /^https?:\/\/json-schema\.org\/(?:draft(?:\/|-)([\d-]+)\/)?schema#?$/
/** OpenAPI 3.1 has the keywords of draft 2020-12. */
const OPENAPI = /^https:\/\/spec\.openapis\.org\/oas\/3\.1\/(dialect|schema-base)\//

/** What is wrong with `$schema`; undefined for a supported draft. */
export function draftProblem({ $schema }: SchemaObject): string | undefined {
  if (typeof $schema !== 'string' || OPENAPI.test($schema)) return undefined
  const [isKnown, draft = '2020-12'] = DRAFT.exec($schema) ?? []
  return isKnown && DRAFTS.includes(draft)
    ? undefined
    : `is not a supported draft: use one of ${DRAFTS.join(', ')}, such as "https://json-schema.org/draft/2020-12/schema"`
}

const EXCLUSIVE = { minimum: 'exclusiveMinimum', maximum: 'exclusiveMaximum' } as const
const PROTO = '^__proto__$'

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const rank = (schema: unknown) =>
  isRecord(schema) && ('const' in schema || 'enum' in schema) ? 0 : 1

function allowNull(schema: SchemaObject) {
  const { type, enum: values } = schema
  if (type !== undefined) schema['type'] = [...new Set([type, 'null'].flat())]
  if (Array.isArray(values)) schema['enum'] = [...new Set([...values, null])]
  if (!('const' in schema)) return
  schema['enum'] = [schema['const'], null]
  delete schema['const']
}

/** Draft 2019-09 has one dynamic anchor, without a name. */
function dynamicKeyword(keyword: string, value: unknown): SchemaObject {
  if (keyword === '$recursiveRef') return { $dynamicRef: '#recursive' }
  if (keyword !== '$recursiveAnchor') return { [keyword]: value }
  return value === true ? { $dynamicAnchor: 'recursive' } : {}
}
