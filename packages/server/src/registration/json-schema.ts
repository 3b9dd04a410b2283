import type { Issue, JsonSchema } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

/**
 * The issues of a JSON Schema. It is checked against its draft's meta-schema, then compiled as the
 * gateway will compile it. References are not fetched.
 */
export function schemaIssues(schema: JsonSchema, path: string): Issue[] {
  const draft = draftOf(schema)
  if (!draft)
    return [
      {
        path: `${path}/$schema`,
        message: `is not a supported draft: use one of ${Object.keys(DRAFTS).join(', ')}`,
      },
    ]
  const isSchema = metaSchemaOf(draft)
  if (!isSchema(schema)) return toIssues(isSchema.errors ?? [], path)
  return compileIssues(draft, schema, path)
}

interface Draft {
  Engine: new (options: Options) => Ajv
  metaSchema: string
}

const draft07: Draft = { Engine: Ajv, metaSchema: 'http://json-schema.org/draft-07/schema' }

/** The drafts of the gateway's validator. Draft 07 only adds to draft 06. */
const DRAFTS: Record<string, Draft> = {
  '2020-12': { Engine: Ajv2020, metaSchema: 'https://json-schema.org/draft/2020-12/schema' },
  '2019-09': { Engine: Ajv2019, metaSchema: 'https://json-schema.org/draft/2019-09/schema' },
  '07': draft07,
  '06': draft07,
}

function draftOf({ $schema }: JsonSchema): Draft | undefined {
  if (typeof $schema !== 'string') return DRAFTS['2020-12']
  const [, name = ''] =
    /^https?:\/\/json-schema\.org\/draft(?:\/|-)([\d-]+)\/schema#?$/.exec($schema) ?? []
  return DRAFTS[name]
}

const metaSchemas = new Map<Draft, ValidateFunction>()

/**
 * Compiled once, since that takes longer than all other checks. Its engine checks nothing else:
 * engines keep schemas.
 */
function metaSchemaOf(draft: Draft): ValidateFunction {
  const known = metaSchemas.get(draft)
  if (known) return known
  const compiled = engine(draft).compile({ $ref: draft.metaSchema })
  metaSchemas.set(draft, compiled)
  return compiled
}

/** The options of the MCP SDK's validator: a schema that compiles here compiles in the gateway. */
function engine({ Engine }: Draft): Ajv {
  const ajv = new Engine({ strict: false, validateSchema: false, allErrors: true, logger: false })
  formats.default(ajv)
  return ajv
}

function compileIssues(draft: Draft, schema: JsonSchema, path: string): Issue[] {
  try {
    const validate = engine(draft).compile(schema)
    // Ajv's own keyword. Its validators return a promise, which would count as valid.
    return '$async' in validate
      ? [{ path: `${path}/$async`, message: 'is not a keyword of JSON Schema' }]
      : []
  } catch (error) {
    const { message, missingRef } = error as Error & { missingRef?: string }
    if (missingRef === undefined) return [{ path, message: `does not compile: ${message}` }]
    const pointer = referenceIn(schema, missingRef)
    return [
      {
        path: path + (pointer ?? ''),
        message: `refers to "${missingRef}", which is not in this schema and is not fetched: put it into "$defs" and refer to "#/$defs/…"`,
      },
    ]
  }
}

/** The JSON Pointer of the `$ref`, `$dynamicRef` or `$recursiveRef` that could not be resolved. */
function referenceIn(schema: unknown, missing: string, path = ''): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  for (const [key, value] of Object.entries(schema)) {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (/^\$(ref|dynamicRef|recursiveRef)$/.test(key) && typeof value === 'string') {
      if (value === missing || (value !== '' && missing.endsWith(value))) return at
    } else {
      const found = referenceIn(value, missing, at)
      if (found) return found
    }
  }
  return undefined
}

/** One issue per place, because every branch of a failed alternative reports an error. */
function toIssues(errors: ErrorObject[], path: string): Issue[] {
  const places = new Map<string, Set<string>>()
  for (const error of errors) {
    if (['anyOf', 'oneOf', 'allOf', '$ref', '$dynamicRef', 'if'].includes(error.keyword)) continue
    const messages = places.get(error.instancePath) ?? new Set()
    places.set(error.instancePath, messages.add(messageOf(error)))
  }
  return [...places].map(([place, messages]) => ({
    path: path + place,
    message: [...messages].join(' or '),
  }))
}

function messageOf({
  keyword,
  params,
  message = 'is not valid',
  propertyName,
}: ErrorObject): string {
  if (keyword === 'type') return message.replaceAll(',', ' or ')
  if (keyword === 'enum') return `must be one of ${params['allowedValues'].join(', ')}`
  if (propertyName) return `has the key "${propertyName}", which ${message}`
  return message
}
